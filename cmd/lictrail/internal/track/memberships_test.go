package track

import (
	"slices"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Groups whose licenses were set are read before others; of those that are too many
// for a run none is forgotten.
func TestGroupsToRead(t *testing.T) {
	t.Parallel()
	set := map[snapshot.GroupID]bool{"c": true}
	for _, c := range []struct {
		most         int
		read, unread []snapshot.GroupID
	}{
		{4, []snapshot.GroupID{"c", "a", "b"}, nil},
		{3, []snapshot.GroupID{"c", "a", "b"}, nil},
		{2, []snapshot.GroupID{"c", "a"}, []snapshot.GroupID{"b"}},
		{0, nil, []snapshot.GroupID{"c", "a", "b"}},
	} {
		read, unread := groupsToRead([]snapshot.GroupID{"a", "b", "c"}, set, c.most)
		if !slices.Equal(read, c.read) || !slices.Equal(unread, c.unread) {
			t.Errorf("%d at most: reads %v, and not %v", c.most, read, unread)
		}
	}
}

// Of users with changes records are put aside as long as there is room; of others half
// of the room. The log counts as read in full unless one that was dropped may matter.
func TestPutAside(t *testing.T) {
	t.Parallel()
	r := &run{sync: &store.Sync{Previous: &store.Run{}}}
	r.differs.list = []differing{{id: "ann"}}
	l := newGraphLog(r)
	put := func(target string, n int) (kept int) {
		before := len(l.aside)
		for range n {
			l.putAside(snapshot.RawEvent{Target: target})
		}
		return len(l.aside) - before
	}
	if n := put("bob", maxAside/2+1); n != maxAside/2 || l.leftOut() != 0 {
		t.Errorf("of somebody without changes %d records are put aside, and %d users left out", n, l.leftOut())
	}
	if n := put("ann", maxAside/2); n != maxAside/2 || l.leftOut() != 0 {
		t.Errorf("of somebody with changes %d records are put aside, and %d users left out", n, l.leftOut())
	}
	if n := put("ann", 1); n != 0 || l.leftOut() != 1 {
		t.Errorf("beyond the bound %d records are put aside, and %d users left out", n, l.leftOut())
	}
	l.licensing["bob"] = true // a record of licenses came after those of memberships
	if l.leftOut() != 2 {
		t.Errorf("%d users are left out", l.leftOut())
	}
}
