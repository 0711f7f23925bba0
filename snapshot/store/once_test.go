package store

import (
	"errors"
	"slices"
	"testing"

	"lictrail/snapshot"
)

// TestAgain: a history is opened again with what was learned only while nothing has
// been written, and not by another version of the tables.
func TestAgain(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	db := openRW(t, path)
	s := begin(t, db)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	reader := openRO(t, path)
	known, err := reader.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known.Close()
	again := func() *History {
		t.Helper()
		h, err := reader.Again(t.Context(), known)
		if err != nil {
			t.Fatal(err)
		}
		if h != nil {
			t.Cleanup(func() { h.Close() })
		}
		return h
	}
	first, second := again(), again()
	if first == nil || second == nil || first.State() != known.State() {
		t.Fatalf("%v, %v: nothing was written", first, second)
	}
	if list, total, err := first.FirstAssignments(t.Context(), Filter{}, 1); err != nil || len(list) == 0 || total < len(list) {
		t.Errorf("%v %d %v", list, total, err)
	}
	first.Close()
	second.Close()
	for _, write := range []func() error{
		func() error { begin(t, db); return nil }, // a run begins
		func() error {
			return db.ImportNames(t.Context(), []SKUName{{"e3", "SPE_E3", "Microsoft 365 E3"}}, nil)
		},
		func() error {
			_, err := db.sql.ExecContext(t.Context(), "CREATE TABLE later (id INTEGER)")
			return err
		},
	} {
		if again() == nil {
			t.Fatal("nothing was written")
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if h := again(); h != nil {
			t.Fatal("what was written is not seen")
		}
		if known, err = reader.History(t.Context()); err != nil {
			t.Fatal(err)
		}
		known.Close()
	}
}

// TestOnce: a read is done once for a state and a run, and again when it failed.
func TestOnce(t *testing.T) {
	t.Parallel()
	db, _ := richHistory(t)
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	read := func(h *History, fail error) (int, error) {
		return Once(h, "number", func() (int, error) { reads++; return reads, fail })
	}
	failure := errors.New("failed")
	if _, err := read(h, failure); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
	h.Close()
	again, err := db.Again(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for _, reader := range []*History{h, again, h} {
		if n, err := read(reader, nil); n != 2 || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	other := *again
	other.At = &Run{ID: 77}
	if n, _ := read(&other, nil); n != 3 {
		t.Errorf("for another run: %d", n)
	}
}

// TestFirstAssignments: they are the first of all, and all are counted, whichever
// way they are found.
func TestFirstAssignments(t *testing.T) {
	t.Parallel()
	db, _ := richHistory(t)
	found := 0
	for _, concealed := range []bool{false, true} {
		h, err := db.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if concealed {
			if err := h.Pseudonymize(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		filters := []Filter{{}}
		for id := range h.skus {
			filters = append(filters, Filter{SKUs: []snapshot.SKUID{id}})
		}
		for id := range h.groups {
			filters = append(filters, Filter{Group: id})
		}
		for _, f := range filters {
			var all []*Assignment
			for a, err := range h.Assignments(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, a)
			}
			found += len(all)
			for _, many := range []int{0, 1000} {
				for _, most := range []int{1, 2, 1000} {
					list, total, err := h.firstAssignments(t.Context(), f, most, many)
					if err != nil || total != len(all) || len(list) < min(most, len(all)) || len(list) > len(all) {
						t.Fatalf("%+v: %d of %d, want %d: %v", f, len(list), total, len(all), err)
					}
					same := slices.EqualFunc(list, all[:len(list)], func(a, b *Assignment) bool { return a.User.ID == b.User.ID && a.SKU == b.SKU && a.First == b.First })
					if !same {
						t.Errorf("%+v, %d: others than the first", f, most)
					}
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d assignments", found)
	}
}
