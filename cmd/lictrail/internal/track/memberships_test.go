package track

import (
	"slices"
	"testing"

	"lictrail/snapshot"
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
