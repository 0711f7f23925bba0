package intake_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/intake"
)

// What a pile gives back is what was added: at its place, in order, and again after a
// value that was read in between.
func TestPile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := intake.NewPile[snapshot.Change](filepath.Join(dir, "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	lists := true
	changes := []snapshot.Change{{}, {
		Run: 7, Kind: snapshot.PathMoved, Observed: true, User: "ann", SKU: "e3",
		Path: &snapshot.PathRef{Kind: snapshot.ByGroup, Group: "g"}, From: &snapshot.PathRef{Kind: snapshot.Direct},
		Plans: &snapshot.PlanDelta{Disabled: []snapshot.PlanID{"p"}}, State: &snapshot.StateDelta{From: "Active", To: "Error <&>"},
		Presence: snapshot.Deleted, Listed: &lists, Dated: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC),
		Window: snapshot.Window{NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	}, {User: "bob"}}
	for range 2 {
		var places []intake.Place
		for i := range changes {
			place, err := p.Add(&changes[i])
			if err != nil {
				t.Fatal(err)
			}
			places = append(places, place)
			if got, err := p.At(places[0]); err != nil || !reflect.DeepEqual(*got, changes[0]) {
				t.Errorf("the first value is %+v, %v", got, err)
			}
		}
		for i := range changes {
			if got, err := p.At(places[i]); err != nil || !reflect.DeepEqual(*got, changes[i]) {
				t.Errorf("value %d is %+v, %v", i, got, err)
			}
		}
		var all []snapshot.Change
		for c, err := range p.All() {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, *c)
		}
		if !reflect.DeepEqual(all, changes) {
			t.Errorf("all are %+v", all)
		}
		if err := p.Reset(); err != nil {
			t.Fatal(err)
		}
		for c := range p.All() {
			t.Errorf("after a reset there is %+v", c)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("%v, %v are left", names, err)
	}
	if _, err := p.At(intake.Place{}); err == nil {
		t.Error("a closed pile is read")
	}
}
