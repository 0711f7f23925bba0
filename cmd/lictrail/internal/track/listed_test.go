package track

import (
	"testing"

	"lictrail/snapshot"
)

// TestListed: what a deleted account still lists says which paths the deletion took,
// where it has paths. A SKU that it lists without a path may have been held by any.
func TestListed(t *testing.T) {
	direct, sales := snapshot.PathRef{Kind: snapshot.Direct}, snapshot.PathRef{Kind: snapshot.ByGroup, Group: "sales"}
	untold := snapshot.PathRef{Kind: snapshot.Unknown}
	for name, tc := range map[string]struct {
		lists   []snapshot.PathRef
		changed []snapshot.PathRef // the first is asked about
		want    string
	}{
		"the path":                     {[]snapshot.PathRef{direct}, []snapshot.PathRef{direct}, "yes"},
		"another path":                 {[]snapshot.PathRef{sales}, []snapshot.PathRef{direct, sales}, "no"},
		"nothing":                      {nil, []snapshot.PathRef{direct}, "no"},
		"the SKU, of one path":         {[]snapshot.PathRef{untold}, []snapshot.PathRef{direct}, "yes"},
		"the SKU, of two paths":        {[]snapshot.PathRef{untold}, []snapshot.PathRef{direct, sales}, "not known"},
		"a path, where none was known": {[]snapshot.PathRef{sales}, []snapshot.PathRef{untold}, "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			d := snapshot.DeletedUser{ID: "ann", ListedKnown: true}
			for _, p := range tc.lists {
				d.Listed = append(d.Listed, snapshot.Path{PathKey: snapshot.PathKey{SKU: "E3", PathRef: p}})
			}
			var changes []snapshot.Change
			for _, p := range tc.changed {
				changes = append(changes, snapshot.Change{User: "ann", SKU: "E3", Path: &p, Presence: snapshot.Deleted})
			}
			got := "not known"
			if l := listed(d, &changes[0], changes); l != nil {
				got = map[bool]string{true: "yes", false: "no"}[*l]
			}
			if got != tc.want {
				t.Errorf("listed: %s, want %s", got, tc.want)
			}
		})
	}
}
