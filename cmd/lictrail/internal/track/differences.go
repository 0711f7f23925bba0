package track

import (
	"cmp"
	"slices"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/store/intake"
)

// differences are what the run found to differ of users, in a file: they are looked at
// one user after the other, and may be everybody's.
type differences struct {
	pile *intake.Pile[difference] // nil: nothing can be added
	list []differing              // by user, once they are sorted
	lost map[snapshot.SKUID]int   // users who lost the SKU
	last *difference              // that of the user who was asked for last
	of   snapshot.UserID
	err  error // of the first one that could not be read
}

// differing is a user of whom something differs.
type differing struct {
	id      snapshot.UserID
	place   intake.Place
	changed bool // else only rows differ
}

// difference is what attribution looks at of a user.
type difference struct {
	UPN     string
	Paths   []snapshot.Path // as they are now
	Changes []snapshot.Change
}

func (d *differences) reset() error {
	d.list, d.lost = nil, map[snapshot.SKUID]int{}
	return d.pile.Reset()
}

func (d *differences) add(delta *snapshot.Delta) error {
	place, err := d.pile.Add(&difference{UPN: delta.New.UPN, Paths: delta.New.Paths, Changes: delta.Changes})
	d.list = append(d.list, differing{delta.ID, place, len(delta.Changes) > 0})
	(&diff.Changes{Lost: d.lost}).Lose(delta.Changes)
	return err
}

func (d *differences) sort() {
	slices.SortFunc(d.list, func(x, y differing) int { return cmp.Compare(x.id, y.id) })
}

// get is what differs of a user; nil for nothing.
func (d *differences) get(id snapshot.UserID) *difference {
	if d.last != nil && d.of == id {
		return d.last
	}
	i, ok := slices.BinarySearchFunc(d.list, id, func(x differing, id snapshot.UserID) int { return cmp.Compare(x.id, id) })
	if !ok {
		return nil
	}
	found, err := d.pile.At(d.list[i].place)
	if err != nil {
		d.err = cmp.Or(d.err, err)
		return nil
	}
	d.last, d.of = found, id
	return found
}

// changed lists the users with changes.
func (d *differences) changed() []snapshot.UserID {
	var ids []snapshot.UserID
	for _, u := range d.list {
		if u.changed {
			ids = append(ids, u.id)
		}
	}
	return ids
}
