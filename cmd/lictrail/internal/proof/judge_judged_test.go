package proof

import (
	"slices"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// answer is what a perfect history would say of a turn.
func answer(w *world, k graphtest.Holding, n int, window snapshot.Window, observed bool) *store.ChangeRow {
	turn := w.lives[k][n]
	d := w.doing(turn.Acts[0])
	c := &store.ChangeRow{Change: snapshot.Change{Kind: snapshot.Removed, Observed: observed, User: snapshot.UserID(k.User), SKU: snapshot.SKUID(k.SKU), Window: window,
		Path: &snapshot.PathRef{Kind: snapshot.Direct}}, When: snapshot.ExactDate(d.at)}
	if turn.Began {
		c.Kind = snapshot.Assigned
	}
	a := &c.Attribution
	a.Cause, a.Confidence, a.At = snapshot.Cause(d.cause), snapshot.High, d.at
	a.Actor = &snapshot.Actor{ID: d.actor.ID}
	if d.act.Group != "" {
		c.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: snapshot.GroupID(d.act.Group)}
	}
	if d.cause == graphtest.CauseGroup {
		a.Via = &snapshot.Via{Trigger: snapshot.Trigger(d.act.Trigger), Group: snapshot.GroupID(d.act.Group), Actor: &snapshot.Actor{ID: d.party.ID}, At: d.step}
	}
	return c
}

// perfect are the changes that a perfect history would have.
func perfect(w *world) []*store.ChangeRow {
	var rows []*store.ChangeRow
	for k := range w.lives {
		for i := 1; i < len(w.runs) && k.Path == ""; i++ {
			rows = append(rows, w.answers(k, snapshot.Window{NotBefore: w.runs[i-1], NotAfter: w.runs[i]})...)
		}
	}
	return rows
}

// answers are the changes of a SKU in a window.
func (w *world) answers(k graphtest.Holding, window snapshot.Window) []*store.ChangeRow {
	var rows []*store.ChangeRow
	turns, last := w.lives[k], -1
	if after := heldAt(turns, window.NotAfter); after != heldAt(turns, window.NotBefore) {
		last = w.lastTurn(k, window, after)
	}
	for n, turn := range turns {
		if turn.At.After(window.NotBefore) && !turn.At.After(window.NotAfter) {
			rows = append(rows, answer(w, k, n, window, n == last))
		}
	}
	return rows
}

// churned is the truth about a tenant with direct licenses and two groups.
func churned(seed uint64, lies graphtest.Lies) *world {
	tenant := graphtest.New(seed)
	tenant.Lies = lies
	tenant.Engine = &graphtest.Engine{Lag: graphtest.SlowLag, Together: 0.3, Spread: time.Minute}
	churn := tenant.NewChurn(graphtest.ChurnOptions{Users: 25, Direct: true, Groups: 2, PerWeek: 4, Switches: true, Leavers: true})
	runs := []time.Time{tenant.Now()}
	for range 4 {
		churn.Week()
		runs = append(runs, tenant.Now())
	}
	return newWorld(tenant, runs, true)
}

// judgeAll judges changes without a history.
func judgeAll(w *world, rows []*store.ChangeRow) *verdicts {
	tally := newVerdicts()
	j := &judge{world: w, tally: tally, used: map[turnKey]*store.ChangeRow{}, report: func(string, ...any) {}}
	for _, observed := range []bool{true, false} {
		for _, c := range rows {
			if c.Observed == observed {
				j.change(c)
			}
		}
	}
	j.transitions()
	return tally
}

// TestJudge: the truth is found right, and anything else wrong.
func TestJudge(t *testing.T) {
	w := churned(3, graphtest.Lies{})
	rows := perfect(w)
	if v := judgeAll(w, rows); v.faults() != 0 || v.attributed != v.observed || v.toldNamed != v.turns || v.turns < 50 {
		t.Fatalf("the truth: %d faults, %d of %d attributed, %d of %d turns told", v.faults(), v.attributed, v.observed, v.toldNamed, v.turns)
	}
	for k := range w.lives {
		stretches := w.stretches(k)
		if least, most := w.periods(k); k.Path == "" && (least > len(stretches) || most < len(stretches)) {
			t.Errorf("%v: %d stretches, %d to %d periods", k, len(stretches), least, most)
		}
		proven := func(a, b stretch) bool { return w.proven(k, a, b) }
		if last := stretches[len(stretches)-1].began; k.Path == "" && !slices.Contains(w.starts(k, proven), last) {
			t.Errorf("%v: the last stretch is not a beginning", k)
		}
	}
	other := w.acts[0].Actor.ID
	for _, tt := range []struct {
		name  string
		spoil func(c *store.ChangeRow) bool // reports whether it applies
		count func(v *verdicts) int
	}{
		{"another cause", func(c *store.ChangeRow) bool { c.Attribution.Cause = snapshot.CauseSubscription; return true }, func(v *verdicts) int { return v.byClass["cause"] }},
		{"another person", func(c *store.ChangeRow) bool {
			c.Attribution.Actor = &snapshot.Actor{ID: other}
			return c.Attribution.Cause != snapshot.CauseGroup
		}, func(v *verdicts) int { return v.byClass["person"] }},
		{"another person behind the group", func(c *store.ChangeRow) bool {
			if c.Attribution.Via == nil {
				return false
			}
			c.Attribution.Via.Actor = &snapshot.Actor{ID: other}
			return true
		}, func(v *verdicts) int { return v.byClass["person"] }},
		{"another group", func(c *store.ChangeRow) bool {
			if c.Attribution.Via == nil {
				return false
			}
			c.Attribution.Via.Group = "another"
			return true
		}, func(v *verdicts) int { return v.byClass["group"] }},
		{"another time", func(c *store.ChangeRow) bool {
			c.Attribution.At = c.Attribution.At.Add(time.Hour)
			c.When = snapshot.ExactDate(c.Attribution.At)
			return c.Observed
		}, func(v *verdicts) int { return v.byClass["time"] }},
		{"a window without the truth", func(c *store.ChangeRow) bool {
			at := c.Attribution.At
			c.Attribution.At, c.When = time.Time{}, snapshot.WindowDate(snapshot.Window{NotBefore: at.Add(-2 * time.Hour), NotAfter: at.Add(-time.Hour)})
			return c.Observed
		}, func(v *verdicts) int { return v.byClass["time"] }},
		{"another kind", func(c *store.ChangeRow) bool {
			c.Kind = map[snapshot.Kind]snapshot.Kind{snapshot.Assigned: snapshot.Removed, snapshot.Removed: snapshot.Assigned}[c.Kind]
			return !c.Observed
		}, func(v *verdicts) int { return v.invented }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spoiled := 0
			for _, c := range perfect(w) {
				if tt.spoil(c) {
					if v := judgeAll(w, []*store.ChangeRow{c}); tt.count(v) != 1 {
						t.Fatalf("not found: %+v", c)
					}
					spoiled++
				}
			}
			if spoiled < 10 {
				t.Errorf("%d spoiled", spoiled)
			}
		})
	}
	if v := judgeAll(w, append(perfect(w), rows[0])); v.twice != 1 {
		t.Errorf("told twice: found %d", v.twice)
	}
	n := slices.IndexFunc(rows, func(c *store.ChangeRow) bool { return c.Observed })
	if v := judgeAll(w, slices.Delete(slices.Clone(rows), n, n+1)); v.missing != 1 {
		t.Errorf("a change is missing: found %d", v.missing)
	}
}

// TestJudge_FalseStory: where the log lost records and the others fit a complete
// but false history, an attribution by that history is not wrong; it is counted. With
// another person in it, it is wrong.
func TestJudge_FalseStory(t *testing.T) {
	told, apart := 0, 0
	for seed := uint64(1); seed <= 4; seed++ {
		w := churned(seed, graphtest.Lies{Lost: 0.6})
		for k := range w.lives {
			for i := 1; i < len(w.runs) && k.Path == ""; i++ {
				window := snapshot.Window{NotBefore: w.runs[i-1], NotAfter: w.runs[i]}
				left := w.left(k, window)
				if left == nil {
					continue
				}
				for _, c := range left.answers(k, window) {
					v := judgeAll(w, []*store.ChangeRow{c})
					if told++; len(v.byClass) > 0 || v.invented > 0 {
						t.Errorf("%+v: %v, %d invented", c, v.byClass, v.invented)
					}
					apart += v.apart[snapshot.High]
					spoil(t, w, c)
				}
			}
		}
	}
	if t.Logf("%d told, %d of them false and complete", told, apart); apart < 3 {
		t.Error("too few to prove anything")
	}
}

// spoil names somebody else in a change, which must be found.
func spoil(t *testing.T, w *world, c *store.ChangeRow) {
	t.Helper()
	c.Attribution.Actor = &snapshot.Actor{ID: w.acts[0].Actor.ID}
	if c.Attribution.Via != nil {
		c.Attribution.Via.Actor = c.Attribution.Actor
	}
	if v := judgeAll(w, []*store.ChangeRow{c}); v.wrong[snapshot.High]+v.invented != 1 {
		t.Errorf("not found: %+v", c)
	}
}
