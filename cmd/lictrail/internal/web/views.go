package web

// views are what can be asked, in the order of the menu.
var views = []view{
	{name: "", title: "Search", listed: true, ask: searchView},
	{name: "search", title: "Search", ask: searchView},
	{name: "person", title: "Person", about: true, ask: personView},
	{name: "recorded", title: "Person", ask: recordedView},
	{name: "change", title: "Change", about: true, ask: changeView},
	{name: "attention", title: "Needs attention", listed: true, ask: attentionView},
	{name: "week", title: "Week", listed: true, ask: weekView},
	{name: "skus", title: "SKUs", listed: true, ask: skusView},
	{name: "sku", title: "SKU", about: true, ask: skuView},
	{name: "groups", title: "Groups", listed: true, ask: groupsView},
	{name: "group", title: "Group", about: true, ask: groupView},
	{name: "actors", title: "Actors", listed: true, ask: actorsView},
	{name: "actor", title: "Actor", ask: actorView},
	{name: "reclaim", title: "Reclaim and cost", listed: true, ask: reclaimView},
	{name: "trust", title: "Trust", listed: true, ask: trustView},
}
