package ask_test

import (
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/graph/graphtest"
	"lictrail/snapshot/words"
)

// TestAnybody_ManyRecords: where there are more records than can be read at once, a name is
// looked up among the users, and the records are read only if none of them has it.
func TestAnybody_ManyRecords(t *testing.T) {
	tenant := graphtest.New(11)
	tenant.Populate(10, 4)
	path := synced(t, tenant, 3, func() {
		tenant.RandomOps(20)
		tenant.Advance(24 * time.Hour)
	}, func() {})
	ann := tenant.User(tenant.UserIDs()[0]).DisplayName
	for _, c := range []struct {
		most     int64
		name     string
		users    int
		people   int
		read     bool
		searched bool
	}{
		{most: 200_000, name: ann, users: 1, read: true, searched: true},
		{most: 0, name: ann, users: 1},
	} {
		defer ask.ReadRecordsUpTo(c.most)()
		b, err := ask.Open(t.Context(), path, false)
		if err != nil {
			t.Fatal(err)
		}
		users, people, err := ask.Anybody(t.Context(), b, c.name)
		if err != nil || len(users) != c.users || len(people) != c.people {
			t.Errorf("%q of %d records: %d users, %d others, %v", c.name, c.most, len(users), len(people), err)
		}
		if _, _, searched, err := ask.Strangers(t.Context(), b, words.NewQuery(c.name), false); err != nil || searched != c.searched {
			t.Errorf("%q of %d records: searched %v, %v", c.name, c.most, searched, err)
		}
		if read := ask.HasReadArchive(b); read != c.read {
			t.Errorf("%q of %d records: all of them read: %v", c.name, c.most, read)
		}
		b.Close()
	}

	// Whom nobody else means is looked for in all of them.
	b, err := ask.Open(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, _, err := ask.Anybody(t.Context(), b, "nobody at all"); err == nil || !ask.HasReadArchive(b) {
		t.Errorf("somebody: %v, or the records were not read", err)
	}
}
