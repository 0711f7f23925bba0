package main

// ratios states what is wanted of this kind of tenant, in the order in which
// they are printed. Memory and bytes depend on the size of the tenant only.
func (b *bench) ratios() {
	users := float64(b.options.Users)
	wanted := func(inPlain, inRealistic float64) float64 {
		if b.result.Tenant == realistic {
			return inRealistic
		}
		return inPlain
	}
	add := func(r ratio) { b.Ratios = append(b.Ratios, r) }
	least := func(name string, value, limit float64) { add(ratio{Name: name, Value: value, Limit: limit}) }
	most := func(name string, value, limit float64) {
		add(ratio{Name: name, Value: value, Limit: limit, AtMost: true})
	}

	floor := b.Structs.CPU
	add(ratio{Name: "first run / SDK's typed models, by the clock", Value: b.First.PerSecond / b.Models.PerSecond, Limit: wanted(9, 7), Wall: true})
	least("first run / SDK's typed models", b.Models.CPU/float64(b.Models.Users)/(b.First.CPU/users), wanted(9, 7))
	least("first run / floor", floor/b.First.CPU, wanted(0.7, 0.55))
	peak := max(b.First.PeakMegabyte, b.Quiet.PeakMegabyte)
	if n := len(b.result.Weeks); n > 0 {
		var cpu float64
		for _, w := range b.result.Weeks {
			cpu += w.CPU / float64(n)
			peak = max(peak, w.PeakMegabyte)
		}
		least("week of changes / floor", floor/cpu, 1.5)
		if n > 1 { // in the first week SQLite also splits pages, which the first run leaves full
			added := float64(b.result.Weeks[n-1].Database-b.result.Weeks[0].Database) / float64(n-1)
			most("KB a week for 100,000 users, from the second on", added/1e3/users*1e5, 1000*b.options.Share/0.01)
		}
	}
	least("week without a change / floor", floor/b.Quiet.CPU, 2)
	most("bytes a user after the first run", float64(b.First.Database)/users, wanted(250, 400))
	most("KB of a week without a change", float64(b.Quiet.Added)/1024, 16)
	most("peak of sync, MB", peak, peakLimit(b.options.Users))
	for _, c := range b.Other {
		switch c.Name {
		case verifying, backingUp:
			most(c.Name+" / first run", c.CPU/b.First.CPU, 1.2)
		case importing:
			most("peak of import, MB", c.PeakMegabyte, 150)
			add(ratio{Name: "import of 100,000 rows, s", Value: c.Seconds, Limit: 8, AtMost: true, Wall: true})
		default:
			most("peak of "+c.Name+", MB", c.PeakMegabyte, 150)
		}
	}
	most("peak of a run in which everybody changed, MB", b.All.PeakMegabyte, 200)
	most("peak of the run after it, MB", b.After.PeakMegabyte, 200)
}

// peakLimit is 150 MB up to 100,000 users and 400 MB at 1,000,000.
func peakLimit(users int) float64 {
	return 150 + 250*max(0, float64(users-100_000))/900_000
}
