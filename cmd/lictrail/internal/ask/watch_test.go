package ask

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// all lists rows as the store does.
func all[T any](rows ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// seat is an assignment of Ann's, with the plans that each path leaves out.
func seat(sku snapshot.SKUID, paths ...[]snapshot.PlanID) *store.Assignment {
	a := &store.Assignment{SKU: sku}
	a.User.ID, a.User.UPN = "ann", "ann@contoso.com"
	for _, disabled := range paths {
		p := store.PathSince{}
		p.Disabled = disabled
		a.Paths = append(a.Paths, p)
	}
	return a
}

// TestOffNow: a plan is off where no path of any SKU of the user has it.
func TestOffNow(t *testing.T) {
	contents := map[snapshot.SKUID][]snapshot.PlanID{"e3": {"audit"}, "e5": {"audit", "other"}, "f1": {"other"}}
	off := []snapshot.PlanID{"audit"}
	for _, test := range []struct {
		name string
		held []*store.Assignment
		want string
	}{
		{"on by its only path", []*store.Assignment{seat("e3", nil)}, ""},
		{"off by its only path", []*store.Assignment{seat("e3", off)}, "e3"},
		{"on by one of two paths", []*store.Assignment{seat("e3", off, nil)}, ""},
		{"off by both", []*store.Assignment{seat("e3", off, off)}, "e3"},
		{"off in one SKU and on in another", []*store.Assignment{seat("e3", off), seat("e5", nil)}, ""},
		{"off in both SKUs", []*store.Assignment{seat("e3", off), seat("e5", off)}, "e3 e5"},
		{"another plan is off", []*store.Assignment{seat("e5", []snapshot.PlanID{"other"})}, ""},
		{"the SKU does not have it", []*store.Assignment{seat("f1", off)}, ""},
		{"a SKU without it does not turn it on", []*store.Assignment{seat("e3", off), seat("f1", nil)}, "e3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := offNow(all(test.held...), contents, off)
			if err != nil {
				t.Fatal(err)
			}
			var skus []string
			for key := range found {
				skus = append(skus, string(key.sku))
			}
			slices.Sort(skus)
			if got := strings.Join(skus, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestOffSearch: what switched a plan off, by changes from the newest to the oldest.
func TestOffSearch(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	change := func(n int, kind snapshot.Kind, plans *snapshot.PlanDelta) *store.ChangeRow {
		c := &store.ChangeRow{Person: &store.Person{}}
		c.Kind, c.User, c.SKU, c.Observed, c.Plans = kind, "ann", "e3", true, plans
		c.When, c.Person.UPN = snapshot.Date{At: day(n)}, "ann@contoso.com"
		return c
	}
	off := func(n int) *store.ChangeRow {
		return change(n, snapshot.PlansChanged, &snapshot.PlanDelta{Disabled: []snapshot.PlanID{"audit"}})
	}
	on := func(n int) *store.ChangeRow {
		return change(n, snapshot.PlansChanged, &snapshot.PlanDelta{Enabled: []snapshot.PlanID{"audit"}})
	}
	unseen := change(5, snapshot.Assigned, nil)
	unseen.Observed = false
	for _, test := range []struct {
		name    string
		offNow  bool
		changes []*store.ChangeRow
		want    string // day, whether it is off now, what did it
	}{
		{"nothing is off", false, nil, ""},
		{"off before tracking began", true, nil, "1 now -"},
		{"switched off", true, []*store.ChangeRow{off(5)}, "5 now plans-changed"},
		{"switched off and on again", false, []*store.ChangeRow{on(6), off(5)}, "5 then plans-changed"},
		{"switched off twice, on between", true, []*store.ChangeRow{off(7), on(6), off(5)}, "7 now plans-changed; 5 then plans-changed"},
		{"assigned without it", true, []*store.ChangeRow{change(5, snapshot.Assigned, nil)}, "5 now assigned"},
		{"the newest assignment counts", true, []*store.ChangeRow{change(6, snapshot.Assigned, nil), change(5, snapshot.Assigned, nil)}, "6 now assigned"},
		{"an assignment that only the audit log saw says nothing", true, []*store.ChangeRow{unseen}, "1 now -"},
		{"a path came since: it may have come with that", true, []*store.ChangeRow{change(6, snapshot.PathAdded, nil), change(5, snapshot.Assigned, nil)}, "9 now -"},
		{"a path went since: it may have had the plan", true, []*store.ChangeRow{change(6, snapshot.PathRemoved, nil)}, "9 now -"},
		{"a path came before: it does not matter", true, []*store.ChangeRow{off(6), change(5, snapshot.PathAdded, nil)}, "6 now plans-changed"},
		{"switched on after all that is known", true, []*store.ChangeRow{on(6)}, "9 now -"},
		{"whether it was assigned without it is not sure; what was before does not count", true,
			[]*store.ChangeRow{change(7, snapshot.PathAdded, nil), change(6, snapshot.Assigned, nil), off(5)}, "9 now -; 5 then plans-changed"},
		{"another user's change", true, []*store.ChangeRow{func() *store.ChangeRow { c := off(5); c.User = "bob"; return c }()}, "5 then plans-changed; 1 now -"},
	} {
		t.Run(test.name, func(t *testing.T) {
			held := map[offKey]*store.Assignment{}
			if test.offNow {
				held[offKey{"ann", "e3", "audit"}] = seat("e3", []snapshot.PlanID{"audit"})
			}
			s := newOffSearch(held, []snapshot.PlanID{"audit"}, snapshot.Date{At: day(1)}, day(9))
			for _, c := range test.changes {
				s.look(c)
			}
			var words []string
			for _, r := range s.found() {
				by, now := "-", "then"
				if r.By != nil {
					by = string(r.By.Kind)
				}
				if r.Now {
					now = "now"
				}
				words = append(words, fmt.Sprint(r.When.At.Day(), " ", now, " ", by))
			}
			if got := strings.Join(words, "; "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestSwitchedOff: who did it is, behind a group, whoever changed the group; new is what
// a run after the one compared with has shown.
func TestSwitchedOff(t *testing.T) {
	ada, engine := &snapshot.Actor{ID: "ada"}, &snapshot.Actor{ID: "engine"}
	by := &store.ChangeRow{Person: &store.Person{}}
	by.Run, by.Attribution = 5, snapshot.Attribution{Cause: snapshot.CauseGroup, Actor: engine, Via: &snapshot.Via{Actor: ada}}
	off, unexplained := SwitchedOff{By: by}, SwitchedOff{}
	if off.Actor() != ada || unexplained.Actor() != nil {
		t.Errorf("done by %+v and %+v", off.Actor(), unexplained.Actor())
	}
	for run, want := range map[snapshot.RunID]bool{4: true, 5: false, 6: false} {
		if off.NewSince(run) != want || unexplained.NewSince(run) {
			t.Errorf("new since run %d: %t, want %t", run, off.NewSince(run), want)
		}
	}
}

// TestOffSearch_Order: what happened at one time is in the order of names.
func TestOffSearch_Order(t *testing.T) {
	held := map[offKey]*store.Assignment{}
	for _, name := range []string{"bob", "ann", "cem"} {
		a := &store.Assignment{SKU: "e3"}
		a.User.ID, a.User.UPN = snapshot.UserID("id-of-"+name), name+"@contoso.com"
		held[offKey{a.User.ID, "e3", "audit"}] = a
	}
	var names []string
	for _, r := range newOffSearch(held, []snapshot.PlanID{"audit"}, snapshot.Date{}, time.Time{}).found() {
		names = append(names, r.User.UPN)
	}
	if !slices.IsSorted(names) || len(names) != 3 {
		t.Errorf("got %q", names)
	}
}

// TestWatched: flags beat the rules, whose plans are named in full.
func TestWatched(t *testing.T) {
	find := func(word string) (snapshot.PlanID, error) { return snapshot.PlanID("found:" + word), nil }
	called := func(word string) (snapshot.PlanID, error) {
		if word == "wrong" {
			return "", refuse("no service plan", "")
		}
		return snapshot.PlanID("called:" + word), nil
	}
	listed := func(names ...string) Rules {
		file := &rules.File{}
		for i, name := range names {
			file.Watch = append(file.Watch, rules.Watched{Line: i + 7, Plan: name})
		}
		return Rules{File: file, Name: "reclaim.toml"}
	}
	for _, test := range []struct {
		name  string
		words []string
		file  Rules
		want  string
	}{
		{"neither", nil, Rules{}, ""},
		{"by the rules", nil, listed("a", "b"), "called:a called:b"},
		{"by flags", []string{"c"}, Rules{}, "found:c"},
		{"flags beat the rules", []string{"c"}, listed("a"), "found:c"},
		{"a wrong name in the rules", nil, listed("a", "wrong"), "reclaim.toml, line 8: no service plan"},
		{"a wrong name in rules that flags beat", []string{"c"}, listed("wrong"), "found:c"},
	} {
		plans, err := watched(test.words, test.file, find, called)
		got := strings.TrimSpace(JoinIDs(plans))
		got = strings.ReplaceAll(got, ", ", " ")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
