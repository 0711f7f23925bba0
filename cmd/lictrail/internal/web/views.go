package web

// views are what can be asked, in the order of the menu.
var views = []view{
	{name: "", slow: true, title: "Search", listed: true, ask: searchView},
	{name: "search", title: "Search", ask: searchView},
	{name: "person", title: "Person", about: true, ask: personView},
	{name: "recorded", title: "Person", ask: recordedView},
	{name: "change", title: "Change", about: true, ask: changeView},
	{name: "attention", slow: true, title: "Needs attention", listed: true, ask: attentionView},
	{name: "week", slow: true, title: "Week", listed: true, ask: weekView},
	{name: "skus", slow: true, title: "SKUs", listed: true, ask: skusView},
	{name: "sku", slow: true, title: "SKU", about: true, ask: skuView},
	{name: "flow", title: "Seats", about: true, slow: true, ask: flowView},
	{name: "first-use", title: "First use", about: true, slow: true, ask: firstUseView},
	{name: "groups", slow: true, title: "Groups", listed: true, ask: groupsView},
	{name: "group", slow: true, title: "Group", about: true, ask: groupView},
	{name: "actors", slow: true, title: "Actors", listed: true, ask: actorsView},
	{name: "actor", slow: true, title: "Actor", ask: actorView},
	{name: "reclaim", slow: true, title: "Reclaim and cost", listed: true, ask: reclaimView},
	{name: "trust", slow: true, title: "Trust", listed: true, ask: trustView},
}
