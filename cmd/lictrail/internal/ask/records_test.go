package ask_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/graph/graphtest"
	"lictrail/snapshot/store"
)

// TestSearch_ByIndex: the records about a user that are found by the index are those
// that are found by going through all, whatever the user is called.
func TestSearch_ByIndex(t *testing.T) {
	t.Parallel()
	tenant := graphtest.New(11)
	tenant.Populate(10, 4)
	path := synced(t, tenant, 4, func() {
		tenant.RandomOps(20)
		tenant.Advance(24 * time.Hour)
	}, func() {})
	book, err := ask.Open(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	var refs []string
	for _, id := range tenant.UserIDs() {
		upn := tenant.User(id).UPN
		refs = append(refs, string(id), upn, strings.ToUpper(upn))
	}
	records := 0
	for _, ref := range refs {
		search := func(whole bool) (ids []string) {
			var m ask.RecordMatch
			if err := m.User(t.Context(), book, ref); err != nil {
				t.Fatal(err)
			}
			found, err := ask.Collect(m.Search(t.Context(), book, store.EventFilter{}, whole))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range found {
				ids = append(ids, string(r.Source)+" "+r.ID)
			}
			return ids
		}
		whole, quick := search(true), search(false)
		if records += len(whole); !slices.Equal(whole, quick) {
			t.Errorf("%s: %v by the index, %v of all", ref, quick, whole)
		}
	}
	if records < 30 {
		t.Errorf("only %d records were found", records)
	}
}
