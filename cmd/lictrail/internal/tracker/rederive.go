package tracker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// rederive attributes the changes of each run again, from the events and the
// states that are stored, as the run did, and compares with what it stored:
// first words, what only the log saw, and corrections of earlier words. Where
// not everything that the run knew is stored, it is left alone and counted.
func (v *verifier) rederive(ctx context.Context, version string) error {
	for _, r := range v.runs() {
		if r.Previous == 0 {
			continue // I7
		}
		words, err := v.words(ctx, r.ID)
		if err != nil {
			return err
		}
		if !v.repeatable(r, version) {
			v.Unrepeated += int64(len(words))
			continue
		}
		if err := v.rederiveRun(ctx, r, words); err != nil {
			return err
		}
	}
	return nil
}

// word is a stored revision with its change.
type word struct {
	*store.Revision
	change *store.ChangeRow
}

// words lists what a run wrote on causes.
func (v *verifier) words(ctx context.Context, run snapshot.RunID) ([]word, error) {
	filters := []store.ChangeFilter{{Run: run}}
	var words []word
	last, err := v.h.LastWord(ctx, run)
	if err != nil {
		return nil, err
	}
	for r, err := range v.h.Revisions(ctx, run) {
		if err != nil {
			return nil, err
		}
		if r.ID > last {
			v.Unrepeated++
			continue
		}
		words = append(words, word{Revision: r})
		if r.Number > 1 {
			filters = append(filters, store.ChangeFilter{IDs: []int64{r.Change}})
		}
	}
	changes := map[int64]*store.ChangeRow{}
	for _, f := range filters {
		for c, err := range v.h.Changes(ctx, f) {
			if err != nil {
				return nil, err
			}
			changes[c.ID] = c
		}
	}
	for i := range words {
		if words[i].change = changes[words[i].Change]; words[i].change == nil {
			return nil, fmt.Errorf("%w: there is no change %d", store.ErrDamaged, words[i].Change)
		}
	}
	return words, nil
}

// repeatable reports whether what the run knew is stored, and this program
// judges as that one did.
func (v *verifier) repeatable(r *store.Run, version string) bool {
	return r.Version == version && !slices.ContainsFunc(r.Warnings, func(w snapshot.Warning) bool {
		return slices.Contains([]string{"groups", "skus-empty", "sku-silent", "deleted-users"}, w.Code)
	})
}

func (v *verifier) rederiveRun(ctx context.Context, r *store.Run, words []word) error {
	a, again, err := v.attributor(ctx, r)
	if err != nil {
		return err
	}
	if a == nil {
		v.Unrepeated += int64(len(words))
		return nil
	}
	var changes []snapshot.Change
	for _, w := range words {
		if w.Number == 1 && w.change.Observed {
			changes = append(changes, w.change.Change)
		}
	}
	out := a.run(changes, v.h.Window(r.ID), r.ObservedAt, a.used(0))
	var corrections []store.Correction
	for _, e := range again {
		late, corrected := a.correct(e)
		out, corrections = append(out, late...), append(corrections, corrected...)
	}
	anew := map[string]int{}
	for _, o := range out {
		if !away(&o.Change) {
			anew[wordText(0, &o.Change, &o.Attribution)]++
		}
	}
	for _, c := range corrections {
		anew[wordText(c.Change, nil, &c.Attribution)]++
	}
	for _, w := range words {
		text := wordText(0, &w.change.Change, &w.Attribution)
		if w.Number > 1 {
			text = wordText(w.Change, nil, &w.Attribution)
		}
		switch {
		case away(&w.change.Change), w.Redacted:
			v.Unrepeated++ // what the deleted user still listed is not stored, nor what forget erased
		case anew[text] == 0:
			v.found(store.CheckAttributions, "change %d, revision %d: the stored events lead to another word than the one stored", w.Change, w.Number)
		default:
			v.Repeated++
			anew[text]--
		}
	}
	return nil
}

func away(c *snapshot.Change) bool { return c.Presence != "" }

// wordText puts a word into a form in which it can be compared: all of it but
// the sentence, which names may have changed. A correction is told by the
// number of its change, a first word by what its change is.
func wordText(number int64, c *snapshot.Change, a *snapshot.Attribution) string {
	w := struct {
		Number int64
		Change any
		Word   snapshot.Attribution
		At     int64
	}{Number: number, Word: *a, At: a.At.UnixMilli()}
	w.Word.Reason, w.Word.At = "", time.Time{}
	if c != nil {
		w.Change = []any{c.Kind, c.Observed, c.User, c.SKU, c.Path, c.From, c.Plans, c.State, c.Units}
	}
	text, err := json.Marshal(w)
	if err != nil {
		return err.Error() // it differs from every other
	}
	return string(text)
}

// attributor knows what the run's own knew, and which earlier runs that looked
// at again; nil when that is not stored.
func (v *verifier) attributor(ctx context.Context, r *store.Run) (*attributor, []*store.Run, error) {
	before, own, err := v.h.Knew(ctx, r.ID, r.Previous)
	if err != nil {
		return nil, nil, err
	}
	t := &run{tenant: v.h.Tenant, sync: &store.Sync{Run: r.ID, Previous: v.h.Runs[r.Previous]}, archive: v.h.EventsUntil(r.ID),
		passed: UsersRead{ObservedAt: r.ObservedAt, ObservedUntil: r.ObservedUntil}}
	if t.assigned, err = v.h.HoldersAt(ctx, r.ID); err != nil {
		return nil, nil, err
	}
	if t.groupsRead, err = v.groupsRead(ctx, t, r); err != nil {
		return nil, nil, err
	}
	var failed error
	s := t.scene()
	s.knows = func(id snapshot.UserID) bool {
		known, err := v.h.Knows(ctx, id, r.ID)
		failed = err
		return known
	}
	a, again, err := newAttributor(ctx, t, v.h.Before(r.ID), s, slices.Concat(before, own), own)
	if err != nil {
		return nil, nil, err
	}
	foreign, err := v.h.Foreign(ctx, r.ID, a.from.Add(-contextSpan))
	if err != nil || foreign > 0 {
		return nil, nil, err
	}
	return a, again, failed
}

// groupsRead are the groups that the run read: those that were not gone before.
func (v *verifier) groupsRead(ctx context.Context, t *run, r *store.Run) ([]snapshot.Group, error) {
	_, known, err := v.h.CatalogAt(ctx, r.Previous)
	if err != nil {
		return nil, err
	}
	skus, groups, err := v.h.CatalogAt(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	t.skus = skus
	return slices.DeleteFunc(groups, func(g snapshot.Group) bool {
		return g.Gone && slices.ContainsFunc(known, func(k snapshot.Group) bool { return k.ID == g.ID && k.Gone })
	}), nil
}
