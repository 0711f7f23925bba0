package diff

import (
	"slices"

	"lictrail/snapshot"
)

// Comparer compares users for one run.
type Comparer struct {
	Run snapshot.RunID
	// CatalogMoved holds the SKUs whose service plans differ between the two
	// snapshots. Microsoft resets its dates with such a change, so dates of
	// these SKUs that moved are explained by the one change to the SKU.
	CatalogMoved map[snapshot.SKUID]bool
}

// User compares the stored state of a user with what the run read. known is nil for a
// user who has never been read. When now's presence is not Present its paths and plans
// must be empty: a deleted user holds nothing.
func (c Comparer) User(known *snapshot.Known, now snapshot.User) snapshot.Delta {
	if known == nil {
		known = &snapshot.Known{User: snapshot.User{ID: now.ID, Presence: snapshot.Gone}}
	}
	d := snapshot.Delta{
		ID: now.ID, New: now,
		Attributes: !known.Attributes.Equal(now.Attributes) || known.Presence != now.Presence ||
			!known.DeletedAt.Equal(now.DeletedAt),
		Plans: !slices.EqualFunc(known.Plans, now.Plans, snapshot.Plan.Equal),
	}
	comparePaths(&d, known, c.Run)
	for _, change := range changes(known, &now) {
		if change.Kind == snapshot.DateMoved && c.explained(&now, change) {
			continue
		}
		change.Run = c.Run
		d.Changes = append(d.Changes, change)
	}
	return d
}

// explained reports whether a date moved with a change of the catalog: it is the
// date of a SKU whose plans differ, or it moved to the very time to which the
// date of such a SKU of the same user moved.
func (c Comparer) explained(now *snapshot.User, change snapshot.Change) bool {
	if c.CatalogMoved[change.SKU] {
		return true
	}
	key := snapshot.PathKey{SKU: change.SKU, PathRef: *change.Path}
	moved := pathsByKey(now.Paths)[key].UpdatedAt
	return slices.ContainsFunc(now.Paths, func(p snapshot.Path) bool {
		return c.CatalogMoved[p.SKU] && p.UpdatedAt.Equal(moved)
	})
}

// comparePaths lists the rows that end and the rows that begin.
func comparePaths(d *snapshot.Delta, known *snapshot.Known, run snapshot.RunID) {
	old := pathsByKey(known.Paths)
	for _, p := range d.New.Paths {
		before, was := old[p.PathKey]
		delete(old, p.PathKey)
		if was && before.Equal(p) {
			continue
		}
		if was {
			d.Closed = append(d.Closed, p.PathKey)
		}
		d.Opened = append(d.Opened, snapshot.OpenedPath{Path: p, Span: spanOf(known, p, run)})
	}
	for key := range old {
		d.Closed = append(d.Closed, key)
	}
	slices.SortFunc(d.Closed, snapshot.PathKey.Compare)
}

// spanOf applies I6: a path that was held goes on; a new path of a SKU that is
// held joins its period; a suspended period is resumed when the user returns;
// anything else is a new period. Where a path of unknown kind is replaced by another, or
// the other way round, it is the same path, and only Graph's answer is more or less
// complete.
func spanOf(known *snapshot.Known, p snapshot.Path, run snapshot.RunID) snapshot.Span {
	if !p.Held {
		return snapshot.Span{}
	}
	if span, ok := known.Spans[p.PathKey]; ok {
		return span
	}
	if key, span, ok := firstSpan(known, p.SKU); ok {
		if key.Kind == snapshot.Unknown || p.Kind == snapshot.Unknown {
			return span
		}
		return snapshot.Span{Path: run, Start: span.Start, Period: span.Period}
	}
	ended, ok := known.Ended[p.SKU]
	if ok && ended.Suspended && known.Presence != snapshot.Present {
		return snapshot.Span{Path: run, Start: ended.Start, Period: ended.Period}
	}
	return snapshot.Span{Path: run, Start: run, Period: ended.Period + 1}
}

// firstSpan returns the first of the SKU's open, held paths.
func firstSpan(known *snapshot.Known, sku snapshot.SKUID) (snapshot.PathKey, snapshot.Span, bool) {
	for _, p := range known.Paths {
		if span, ok := known.Spans[p.PathKey]; ok && p.SKU == sku {
			return p.PathKey, span, true
		}
	}
	return snapshot.PathKey{}, snapshot.Span{}, false
}

func pathsByKey(paths []snapshot.Path) map[snapshot.PathKey]snapshot.Path {
	m := make(map[snapshot.PathKey]snapshot.Path, len(paths))
	for _, p := range paths {
		m[p.PathKey] = p
	}
	return m
}

// changes lists the differences between two states of one user, SKU by SKU.
func changes(known *snapshot.Known, now *snapshot.User) []snapshot.Change {
	var all []snapshot.Change
	for _, sku := range skusOf(known.Paths, now.Paths) {
		c := skuChange{sku: sku, old: pathsOf(known.Paths, sku), now: pathsOf(now.Paths, sku)}
		c.compare()
		all = append(all, c.out...)
	}
	for i := range all {
		all[i].User, all[i].Observed = now.ID, true
		if now.Presence != snapshot.Present {
			all[i].Presence = now.Presence
		}
		all[i].Back = now.Presence == snapshot.Present && (known.Presence == snapshot.Deleted || known.Presence == snapshot.Gone)
		all[i].Returned = all[i].Back && hadAtEnd(known, &all[i])
	}
	return all
}

// hadAtEnd reports whether the user held the change's path when the account was deleted.
func hadAtEnd(known *snapshot.Known, c *snapshot.Change) bool {
	ended := known.Ended[c.SKU]
	return ended.Suspended && c.Path != nil && slices.Contains(ended.Paths, *c.Path)
}

func skusOf(lists ...[]snapshot.Path) []snapshot.SKUID {
	var skus []snapshot.SKUID
	for _, list := range lists {
		for _, p := range list {
			skus = append(skus, p.SKU)
		}
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

func pathsOf(paths []snapshot.Path, sku snapshot.SKUID) []snapshot.Path {
	var found []snapshot.Path
	for _, p := range paths {
		if p.SKU == sku {
			found = append(found, p)
		}
	}
	return found
}

// skuChange compares one SKU of one user.
type skuChange struct {
	sku      snapshot.SKUID
	old, now []snapshot.Path // all rows of the SKU, held or not, sorted
	out      []snapshot.Change
}

func (c *skuChange) compare() {
	gone, came := c.heldMoves()
	oldHeld, nowHeld := anyHeld(c.old), anyHeld(c.now)
	switch {
	case oldHeld && nowHeld:
		c.moved(gone, came)
	case nowHeld:
		c.each(came, snapshot.Assigned, snapshot.PathAdded)
	case oldHeld:
		c.each(gone, snapshot.Removed, snapshot.PathRemoved)
	}
	c.rows()
}

// heldMoves returns the paths that are no longer held and those newly held.
func (c *skuChange) heldMoves() (gone, came []snapshot.Path) {
	old, now := pathsByKey(c.old), pathsByKey(c.now)
	for _, p := range c.old {
		if p.Held && !now[p.PathKey].Held {
			gone = append(gone, p)
		}
	}
	for _, p := range c.now {
		if p.Held && !old[p.PathKey].Held {
			came = append(came, p)
		}
	}
	return gone, came
}

func anyHeld(paths []snapshot.Path) bool {
	return slices.ContainsFunc(paths, func(p snapshot.Path) bool { return p.Held })
}

// each adds one change for each path: the first is the change of the assignment as a
// whole, the others are changes of their paths only.
func (c *skuChange) each(paths []snapshot.Path, first, rest snapshot.Kind) {
	for i, p := range paths {
		kind := first
		if i > 0 {
			kind = rest
		}
		c.out = append(c.out, snapshot.Change{Kind: kind, SKU: c.sku, Path: ref(p), State: c.stateDelta(p.PathKey)})
	}
}

// moved pairs the paths of a SKU that was held throughout. A path whose kind was unknown
// and is now known, or the other way round, is not a move: nothing changed in the tenant,
// only Graph's answer is more or less complete.
func (c *skuChange) moved(gone, came []snapshot.Path) {
	for len(gone) > 0 && len(came) > 0 {
		from, to := gone[0], came[0]
		gone, came = gone[1:], came[1:]
		if from.Kind == snapshot.Unknown || to.Kind == snapshot.Unknown {
			continue
		}
		c.out = append(c.out, snapshot.Change{
			Kind: snapshot.PathMoved, SKU: c.sku, Path: ref(to), From: ref(from),
			Plans: planDelta(from.Disabled, to.Disabled),
		})
	}
	for _, p := range came {
		c.out = append(c.out, snapshot.Change{Kind: snapshot.PathAdded, SKU: c.sku, Path: ref(p), State: c.stateDelta(p.PathKey)})
	}
	for _, p := range gone {
		c.out = append(c.out, snapshot.Change{Kind: snapshot.PathRemoved, SKU: c.sku, Path: ref(p), State: c.stateDelta(p.PathKey)})
	}
}

// stateDelta is the row's change of state where a row stays through a change
// of holding, as when a group's license fails for want of seats.
func (c *skuChange) stateDelta(key snapshot.PathKey) *snapshot.StateDelta {
	old, was := pathsByKey(c.old)[key]
	now, is := pathsByKey(c.now)[key]
	if !was || !is {
		return nil
	}
	return &snapshot.StateDelta{From: old.State, To: now.State, ErrorFrom: old.Error, ErrorTo: now.Error}
}

// rows compares the rows that are not part of a change of holding.
func (c *skuChange) rows() {
	old, now := pathsByKey(c.old), pathsByKey(c.now)
	for _, key := range keysOf(c.old, c.now) {
		before, was := old[key]
		after, is := now[key]
		switch {
		case was && is && before.Held && after.Held:
			c.heldRow(before, after)
		case !before.Held && !after.Held:
			c.stateRow(key, before, after)
		}
	}
}

// heldRow compares a path held before and after.
func (c *skuChange) heldRow(before, after snapshot.Path) {
	reported := false
	if before.State != after.State || before.Error != after.Error {
		c.out = append(c.out, snapshot.Change{Kind: snapshot.StateChanged, SKU: c.sku, Path: ref(after), State: c.stateDelta(after.PathKey)})
		reported = true
	}
	if delta := planDelta(before.Disabled, after.Disabled); delta != nil {
		c.out = append(c.out, snapshot.Change{Kind: snapshot.PlansChanged, SKU: c.sku, Path: ref(after), Plans: delta})
		reported = true
	}
	if !reported && !before.UpdatedAt.Equal(after.UpdatedAt) && !before.UpdatedAt.IsZero() && !after.UpdatedAt.IsZero() {
		c.out = append(c.out, snapshot.Change{Kind: snapshot.DateMoved, SKU: c.sku, Path: ref(after), Dated: after.UpdatedAt})
	}
}

// stateRow compares a row that is not held, before or after: an error that appears,
// changes or goes. It is not a license (I4).
func (c *skuChange) stateRow(key snapshot.PathKey, before, after snapshot.Path) {
	if before.State == after.State && before.Error == after.Error {
		return
	}
	c.out = append(c.out, snapshot.Change{
		Kind: snapshot.StateChanged, SKU: c.sku, Path: &snapshot.PathRef{Kind: key.Kind, Group: key.Group},
		State: &snapshot.StateDelta{From: before.State, To: after.State, ErrorFrom: before.Error, ErrorTo: after.Error},
	})
}

func keysOf(lists ...[]snapshot.Path) []snapshot.PathKey {
	var keys []snapshot.PathKey
	for _, list := range lists {
		for _, p := range list {
			keys = append(keys, p.PathKey)
		}
	}
	slices.SortFunc(keys, snapshot.PathKey.Compare)
	return slices.Compact(keys)
}

func ref(p snapshot.Path) *snapshot.PathRef {
	return &snapshot.PathRef{Kind: p.Kind, Group: p.Group}
}

// planDelta compares two sorted sets of disabled plans; nil when they agree.
func planDelta(before, after []snapshot.PlanID) *snapshot.PlanDelta {
	d := &snapshot.PlanDelta{Disabled: minus(after, before), Enabled: minus(before, after)}
	if len(d.Disabled) == 0 && len(d.Enabled) == 0 {
		return nil
	}
	return d
}

func minus[T comparable](a, b []T) []T {
	var only []T
	for _, x := range a {
		if !slices.Contains(b, x) {
			only = append(only, x)
		}
	}
	return only
}
