package ask

import (
	"cmp"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Failure is a way in which a group's license fails for users.
type Failure struct {
	Row *store.GroupRow
	store.GroupError
	Fresh int // users for whom it is new
}

// Failures lists the failures, those that are new since a run first.
func Failures(groups []store.GroupRow, since snapshot.RunID) []Failure {
	var list []Failure
	for i := range groups {
		for _, e := range groups[i].Errors {
			list = append(list, Failure{&groups[i], e, e.Since(since)})
		}
	}
	slices.SortStableFunc(list, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Fresh, a.Fresh), cmp.Compare(b.SinceRun, a.SinceRun), cmp.Compare(b.Users, a.Users))
	})
	return list
}

func (f *Failure) Path() *snapshot.PathRef {
	return &snapshot.PathRef{Kind: snapshot.ByGroup, Group: f.Row.Group}
}
