package web

// views are what can be asked, in the order of the menu.
var views = []view{
	{name: "", kept: true, title: "Search", listed: true, ask: searchView},
	{name: "search", title: "Search", ask: searchView},
	{name: "person", title: "Person", about: true, ask: personView},
	{name: "recorded", title: "Person", ask: recordedView},
	{name: "change", title: "Change", about: true, ask: changeView},
	{name: "attention", kept: true, slow: true, title: "Needs attention", listed: true, ask: attentionView},
	{name: "week", kept: true, slow: true, title: "Week", listed: true, ask: weekView},
	{name: "skus", kept: true, title: "SKUs", listed: true, ask: skusView},
	{name: "sku", kept: true, title: "SKU", about: true, ask: skuView},
	{name: "flow", title: "Seats", about: true, kept: true, slow: true, ask: flowView},
	{name: "first-use", title: "First use", about: true, kept: true, slow: true, ask: firstUseView},
	{name: "groups", kept: true, title: "Groups", listed: true, ask: groupsView},
	{name: "group", kept: true, title: "Group", about: true, ask: groupView},
	{name: "actors", kept: true, slow: true, title: "Actors", listed: true, ask: actorsView},
	{name: "actor", kept: true, slow: true, title: "Actor", ask: actorView},
	{name: "reclaim", kept: true, slow: true, title: "Reclaim and cost", listed: true, ask: reclaimView},
	{name: "trust", kept: true, title: "Trust", listed: true, ask: trustView},
}
