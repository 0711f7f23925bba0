package web

// views are what can be asked, in the order of the menu.
var views = []view{
	{name: "", kept: true, pace: steady, title: "Search", listed: true, ask: searchView},
	{name: "search", title: "Search", ask: searchView},
	{name: "person", title: "Person", about: true, ask: personView},
	{name: "recorded", title: "Person", ask: recordedView},
	{name: "change", title: "Change", about: true, ask: changeView},
	{name: "attention", kept: true, pace: slow, title: "Needs attention", listed: true, ask: attentionView},
	{name: "week", kept: true, pace: slow, title: "Week", listed: true, ask: weekView},
	{name: "skus", kept: true, pace: steady, title: "SKUs", listed: true, ask: skusView},
	{name: "sku", kept: true, pace: steady, title: "SKU", about: true, ask: skuView},
	{name: "flow", title: "Seats", about: true, kept: true, pace: slow, ask: flowView},
	{name: "first-use", title: "First use", about: true, kept: true, pace: slow, ask: firstUseView},
	{name: "groups", kept: true, pace: steady, title: "Groups", listed: true, ask: groupsView},
	{name: "group", kept: true, pace: steady, title: "Group", about: true, ask: groupView},
	{name: "actors", kept: true, pace: slow, title: "Actors", listed: true, ask: actorsView},
	{name: "actor", kept: true, pace: slow, title: "Actor", ask: actorView},
	{name: "reclaim", kept: true, pace: slow, title: "Reclaim and cost", listed: true, ask: reclaimView},
	{name: "trust", kept: true, pace: steady, title: "Trust", listed: true, ask: trustView},
}
