package proof

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

var (
	assignments = flag.Int("assignments", 500, "of how many assignments to check the dates")
	firstTenant = flag.Uint64("first-tenant", 1, "the seed of the first tenant whose dates are checked")
)

// resolution is what dates are compared with: Microsoft dates its rows to the
// second, and in the truth log the acts of one operation follow each other.
const resolution = 20 * time.Second

// TestDates lets tenants live through random operations, with a run now and
// then, and compares every date that history gives with the truth: the bounds of
// when a SKU was first assigned, when its current period and each path began,
// when each period began and ended, and the days on which it was held. The state
// as of every run must be that run's snapshot.
//
//	go test ./cmd/lictrail/internal/proof -run Dates -v -timeout 150m -assignments 100000
func TestDates(t *testing.T) {
	c := &checker{counts: map[string]int{}}
	for seed := *firstTenant; c.counts["assignments"] < *assignments; seed++ {
		t.Run(fmt.Sprintf("tenant %d", seed), func(t *testing.T) { c.tenant(t, seed) })
		if t.Failed() {
			break
		}
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(&b, "\n%8d %s", c.counts[k], k)
	}
	t.Logf("%d violations of%s", c.violations, b.String())
	if c.counts["exact dates"] == 0 || c.counts["window dates"] == 0 || c.counts["no-later-than dates"] == 0 || c.counts["first-assigned by report"] == 0 {
		t.Error("a kind of date never came up: the test proves too little")
	}
}

// checker counts what was checked and what was wrong.
type checker struct {
	t          *testing.T
	counts     map[string]int
	violations int
	audited    bool // the audit log was read
	lives      map[holding]*life
	runs       []observed
	byID       map[snapshot.RunID]int
}

// observed is what a run saw.
type observed struct {
	at    time.Time
	rows  []string
	users map[string]bool
}

// tenant plays one tenant and checks all that history says of it. Every third
// one is tracked from its very beginning on, the others had a past; of every
// eighth the log is read, which takes most of the time. Every fourth sells one
// SKU with Teams and Yammer only, so that the usage report's dates are evidence.
func (c *checker) tenant(t *testing.T, seed uint64) {
	const users = 75
	c.t, c.runs, c.audited = t, nil, seed%8 == 1
	tenant := graphtest.New(seed)
	tenant.Pace = 20 * time.Minute
	reports := seed%4 == 2
	if reports {
		tenant.Offer(graphtest.SKUE3, graphtest.SKUEMS, graphtest.SKUPowerBI, graphtest.SKUVisio, graphtest.SKUFlowFree)
	}
	tenant.Populate(users, 10)
	if seed%3 != 0 {
		tenant.RandomOps(users)
	}
	if reports { // Microsoft's other dates are lost for half of the users
		tenant.Advance(4 * 24 * time.Hour)
		tenant.MicrosoftResetsDates(tenant.UserIDs()[:users/2]...)
	}
	server := graphtest.NewServer(tenant, graphtest.WithVaryingPages())
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "dates.db"), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for run := range 7 {
		tenant.Advance(time.Minute) // acts of one moment follow each other in the truth log
		o := track.Options{MaxShrink: 0.9, Version: "proof", Now: tenant.Now}
		if c.audited && run != 4 { // without the log there are windows
			o.Audit = reader
		}
		if reports {
			o.Activity, o.ActivityReader = []snapshot.ActivitySource{snapshot.ActiveUsers}, reader
		}
		if _, err := track.Run(t.Context(), reader, db, o); err != nil {
			t.Fatal(err)
		}
		c.runs = append(c.runs, look(tenant))
		if run == 6 {
			break
		}
		next := tenant.Now().Add(7 * 24 * time.Hour)
		tenant.RandomOps(users / 3)
		if tenant.Now().Before(next) {
			tenant.AdvanceTo(next)
		}
	}
	c.lives = livesOf(tenant.Truth())
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	verify(t, db, h)
	c.compare(h)
}

// look notes what Graph shows at a run: every path that is held.
func look(tenant *graphtest.Tenant) observed {
	o := observed{at: tenant.Now(), users: map[string]bool{}}
	for _, id := range tenant.UserIDs() {
		u := tenant.User(id)
		o.users[id] = true
		for _, l := range u.Licenses {
			if l.State != "Active" && l.State != "ActiveWithError" {
				continue
			}
			off := slices.Sorted(slices.Values(l.Disabled))
			o.rows = append(o.rows, fmt.Sprint(id, u.UPN, u.Department, l.SKU, l.Group, l.State, slices.Compact(off), l.Updated.Unix()))
		}
	}
	slices.Sort(o.rows)
	return o
}

// holding is a user's SKU, or with a path one way of holding it.
type holding struct{ user, sku, path string }

// life is when a holding began and ended, in order; the last end may be missing.
type life struct {
	began, ended []time.Time
	loud         []bool      // the beginning left an event
	restored     []bool      // the beginning is the return of a deleted user: the period goes on
	blinks       []time.Time // ended and began again in the same moment
	silent       bool        // something about the SKU left no event
}

const directPath = "direct"

// livesOf plays the truth log.
func livesOf(acts []graphtest.Act) map[holding]*life {
	lives := make(map[holding]*life)
	paths := make(map[string]map[holding]bool) // of each user, those held
	of := func(k holding) *life {
		if lives[k] == nil {
			lives[k] = &life{}
		}
		return lives[k]
	}
	set := func(a graphtest.Act, k holding, held bool) {
		if paths[k.user] == nil {
			paths[k.user] = map[holding]bool{}
		}
		if paths[k.user][k] == held {
			return
		}
		whole := holding{k.user, k.sku, ""}
		before := holds(paths[k.user], whole)
		if paths[k.user][k] = held; !held {
			delete(paths[k.user], k)
		}
		of(k).turn(a, held)
		if after := holds(paths[k.user], whole); after != before {
			of(whole).turn(a, after)
		}
		of(whole).silent = of(whole).silent || a.Silent
	}
	for _, a := range acts {
		k := holding{a.User, a.SKU, cmp.Or(a.Group, directPath)}
		switch a.Kind {
		case graphtest.UserDeleted, graphtest.UserPurged:
			for p := range maps.Clone(paths[a.User]) {
				set(a, p, false)
			}
		case graphtest.LicenseRemoved:
			set(a, k, false)
		case graphtest.LicenseAdded, graphtest.PlansChanged, graphtest.StateChanged:
			set(a, k, a.State == "Active" || a.State == "ActiveWithError")
		}
	}
	return lives
}

func holds(paths map[holding]bool, whole holding) bool {
	for p := range paths {
		if p.sku == whole.sku {
			return true
		}
	}
	return false
}

// turn notes a beginning or an end. What ended and began again in the same
// moment, as by one operation or by one that led to another, goes on; history
// may distinguish the two.
func (l *life) turn(a graphtest.Act, held bool) {
	switch last := len(l.ended) - 1; {
	case !held:
		l.ended = append(l.ended, a.At)
	case last >= 0 && a.At.Sub(l.ended[last]) < 50*time.Millisecond:
		l.ended, l.blinks = l.ended[:last], append(l.blinks, a.At)
	default:
		l.began, l.loud = append(l.began, a.At), append(l.loud, !a.Silent)
		l.restored = append(l.restored, a.Cause == graphtest.CauseUserRestored)
	}
}

// at returns the index of the stretch that a time lies in, -1 for none.
func (l *life) at(t time.Time) int {
	if l == nil {
		return -1
	}
	for i, began := range l.began {
		if !began.After(t) && (i >= len(l.ended) || l.ended[i].After(t)) {
			return i
		}
	}
	return -1
}

func (c *checker) wrong(format string, args ...any) {
	c.violations++
	if c.violations <= 20 {
		c.t.Errorf(format, args...)
	}
}

// holdsTrue checks that a date's bounds contain the truth.
func (c *checker) holdsTrue(what string, d snapshot.Date, truth time.Time, k holding) {
	c.counts[what]++
	c.counts[string(d.Precision)+" dates"]++
	c.counts["dates by "+string(d.Basis)]++
	if !within(d, truth) {
		c.wrong("%s of %v: %s %s..%s (%s), the truth is %s", what, k, d.Precision, stampOf(d.NotBefore), stampOf(d.NotAfter), d.Basis, stampOf(truth))
	}
}

func stampOf(t time.Time) string { return t.UTC().Format("01-02T15:04:05.000") }

func within(d snapshot.Date, truth time.Time) bool {
	return !truth.After(d.NotAfter.Add(resolution)) && (d.NotBefore.IsZero() || !truth.Before(d.NotBefore.Add(-resolution)))
}

func (c *checker) compare(h *store.History) {
	c.byID = map[snapshot.RunID]int{}
	for i, id := range slices.Sorted(maps.Keys(h.Runs)) {
		c.byID[id] = i
	}
	newest := h.At
	for a, err := range h.Assignments(c.t.Context(), store.Filter{}) {
		if err != nil {
			c.t.Fatal(err)
		}
		c.counts["assignments"]++
		c.assignment(a)
	}
	for p, err := range h.Periods(c.t.Context(), store.Filter{}) {
		if err != nil {
			c.t.Fatal(err)
		}
		c.period(p)
	}
	for held, err := range h.Holdings(c.t.Context(), store.Filter{}) {
		if err != nil {
			c.t.Fatal(err)
		}
		c.days(h, held)
	}
	for id, i := range c.byID {
		if !h.AsOf(h.Runs[id].ObservedUntil) || h.At.ID != id {
			c.wrong("as of run %d: history shows run %d", id, h.At.ID)
		}
		c.asOf(h, i)
	}
	h.At = newest
}

// asOf compares the state as of a run with what Graph showed.
func (c *checker) asOf(h *store.History, run int) {
	var rows []string
	for a, err := range h.Assignments(c.t.Context(), store.Filter{}) {
		if err != nil {
			c.t.Fatal(err)
		}
		for _, p := range a.Paths {
			off := make([]string, len(p.Disabled))
			for i, id := range p.Disabled {
				off[i] = string(id)
			}
			rows = append(rows, fmt.Sprint(a.User.ID, a.User.UPN, a.User.Department, a.SKU, p.Group, p.State, off, p.UpdatedAt.Unix()))
		}
	}
	slices.Sort(rows)
	c.counts["snapshots as of their run"]++
	c.counts["rows as of a run"] += len(rows)
	if !slices.Equal(rows, c.runs[run].rows) {
		c.wrong("as of run %d: %d rows, the snapshot had %d", run+1, len(rows), len(c.runs[run].rows))
	}
}

func (c *checker) assignment(a *store.Assignment) {
	k := holding{string(a.User.ID), string(a.SKU), ""}
	c.first(a.First, k)
	for _, p := range a.Paths {
		k.path = cmp.Or(string(p.Group), directPath)
		if i := c.unbroken(c.lives[k]); i >= 0 {
			c.holdsTrue("beginnings of paths", p.Since, c.lives[k].began[c.lives[k].beforeRestores(i, p.Since)], k)
		} else {
			c.wrong("path %v is not held", k)
		}
	}
}

// beforeRestores goes back to the stretch that a date is true of, over restores
// of the user: with them a path and a period go on.
func (l *life) beforeRestores(i int, d snapshot.Date) int {
	for l.restored[i] && i > 0 && !within(d, l.began[i]) {
		i--
	}
	return i
}

// unbroken returns the stretch since which all runs up to the newest showed a
// holding, -1 when the newest did not.
func (c *checker) unbroken(l *life) int {
	i := len(c.runs) - 1
	for i >= 0 && l.at(c.runs[i].at) >= 0 {
		i--
	}
	if i == len(c.runs)-1 {
		return -1
	}
	return l.at(c.runs[i+1].at)
}

// first checks a first-assigned date: it must be true of the first time that
// left any trace since tracking began, or of an earlier one.
func (c *checker) first(d snapshot.Date, k holding) {
	l := c.lives[k]
	c.counts["first-assigned dates"]++
	c.counts["first-assigned by "+string(d.Basis)]++
	traced := slices.IndexFunc(l.began, func(t time.Time) bool {
		i := slices.Index(l.began, t)
		seen := slices.ContainsFunc(c.runs, func(o observed) bool { return l.at(o.at) == i })
		return seen || l.loud[i] && t.After(c.runs[0].at) && c.logged(t)
	})
	if traced < 0 {
		c.wrong("first assigned %v: never held", k)
		return
	}
	if !slices.ContainsFunc(l.began[:traced+1], func(t time.Time) bool { return within(d, t) }) {
		c.wrong("first assigned of %v: %s %s..%s (%s), the truth is %s", k, d.Precision, stampOf(d.NotBefore), stampOf(d.NotAfter), d.Basis, stampOf(l.began[traced]))
	}
}

// logged reports whether a run read the log after a time.
func (c *checker) logged(t time.Time) bool { return c.audited && t.Before(c.runs[len(c.runs)-1].at) }

// period checks that a period begins and ends with a time at which the SKU really
// came and went.
func (c *checker) period(p *store.Period) {
	k := holding{string(p.User.ID), string(p.SKU), ""}
	l := c.lives[k]
	c.oneOf("beginnings of periods", p.From, slices.Concat(l.began, l.blinks), k)
	if p.To != nil {
		c.oneOf("ends of periods", *p.To, slices.Concat(l.ended, l.blinks), k)
		return
	}
	if l.at(c.runs[len(c.runs)-1].at) < 0 {
		c.wrong("period %d of %v goes on, but is not held", p.Number, k)
	}
}

// oneOf checks that a date is true of one of several times.
func (c *checker) oneOf(what string, d snapshot.Date, truths []time.Time, k holding) {
	i := slices.IndexFunc(truths, func(t time.Time) bool { return within(d, t) })
	if i < 0 {
		c.wrong("%s of %v: %s %s..%s (%s), the truth is none of %d times", what, k, d.Precision, stampOf(d.NotBefore), stampOf(d.NotAfter), d.Basis, len(truths))
		return
	}
	c.holdsTrue(what, d, truths[i], k)
}

// days checks the days on which a SKU was held. Without an event nothing tells
// of what happened and was undone between two runs, so of SKUs with such acts
// only the number is kept.
func (c *checker) days(h *store.History, held *store.Holding) {
	k := holding{string(held.Person.ID), string(held.SKU), ""}
	l := c.lives[k]
	if l.silent && c.audited || !c.allSeen(l) {
		c.counts["holdings with acts that left no trace, days not checked"]++
		return
	}
	span := snapshot.Days{From: snapshot.DayOf(h.First.ObservedAt) + 1, To: snapshot.DayOf(h.At.ObservedAt)}
	var truth []snapshot.Days
	for i, began := range l.began {
		end := h.At.ObservedUntil
		if i < len(l.ended) {
			end = l.ended[i]
		}
		truth = append(truth, snapshot.Days{From: snapshot.DayOf(began), To: snapshot.DayOf(end)})
	}
	truth = snapshot.JoinDays(truth)
	sure, possible := snapshot.HeldDays(held.Stretches, h.At.ObservedAt, h.At.ObservedUntil)
	c.counts["holdings, days checked"]++
	for d := span.From; d <= span.To; d++ {
		c.counts["days"]++
		if on(sure, d) && !on(truth, d) || on(truth, d) && !on(possible, d) {
			c.wrong("%v on %s: sure %v, possible %v, in truth %v", k, d.Time().Format(time.DateOnly), on(sure, d), on(possible, d), on(truth, d))
			return
		}
	}
}

// allSeen reports whether the log was read, or no run was missed between a
// beginning and an end.
func (c *checker) allSeen(l *life) bool {
	if c.audited {
		return true
	}
	turns := slices.Concat(l.began, l.ended)
	slices.SortFunc(turns, time.Time.Compare)
	for i, turn := range turns {
		if i == 0 || !turn.After(c.runs[0].at) {
			continue
		}
		between := func(o observed) bool { return o.at.After(turns[i-1]) && !o.at.After(turn) }
		if !slices.ContainsFunc(c.runs, between) {
			return false
		}
	}
	return true
}

func on(ranges []snapshot.Days, d snapshot.Day) bool {
	return slices.ContainsFunc(ranges, func(r snapshot.Days) bool { return r.From <= d && d <= r.To })
}
