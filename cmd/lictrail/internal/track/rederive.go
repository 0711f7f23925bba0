package track

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// rederive attributes the changes of each run again, from the events and the
// states that are stored, as the run did, and compares with what it stored:
// first attributions, what only the log saw, and corrections of earlier attributions. Where
// not everything that the run knew is stored, it is left alone and counted.
func (v *verifier) rederive(ctx context.Context) error {
	for _, r := range v.runs() {
		if r.Previous == 0 {
			continue // I7
		}
		stored, err := v.storedAttributions(ctx, r.ID)
		if err != nil {
			return err
		}
		if !v.repeatable(r) {
			v.Unrepeated += int64(len(stored))
			continue
		}
		if err := v.rederiveRun(ctx, r, stored); err != nil {
			return err
		}
	}
	return nil
}

// storedAttributions lists the attributions that a run wrote.
func (v *verifier) storedAttributions(ctx context.Context, run snapshot.RunID) ([]*store.Written, error) {
	var stored []*store.Written
	corrected := map[int64]bool{} // changes, by number
	last, err := v.h.LastRevision(ctx, run)
	if err != nil {
		return nil, err
	}
	for w, err := range v.h.WrittenBy(ctx, run) {
		switch {
		case err != nil:
			return nil, err
		case w.ID > last:
			v.Unrepeated++
		default:
			stored = append(stored, w)
			corrected[w.Change] = corrected[w.Change] || w.Number > 1
		}
	}
	for _, w := range stored {
		if ofRun := w.Seen.Run == run || corrected[w.Change]; w.Seen.ID == 0 || !ofRun {
			return nil, fmt.Errorf("%w: there is no change %d", engine.ErrDamaged, w.Change)
		}
	}
	return stored, nil
}

// repeatable reports whether everything that the run knew is stored.
func (v *verifier) repeatable(r *store.Run) bool {
	return !slices.ContainsFunc(r.Warnings, func(w snapshot.Warning) bool {
		return slices.Contains([]string{"groups", "skus-empty", "sku-silent", "deleted-users"}, w.Code)
	})
}

func (v *verifier) rederiveRun(ctx context.Context, r *store.Run, stored []*store.Written) error {
	before, own, err := v.h.Knew(ctx, r.ID, r.Previous)
	if err != nil {
		return err
	}
	h := v.h.Before(r.ID)
	noted, err := v.h.Principals(ctx, r.ID)
	if err != nil {
		return err
	}
	p := &past{h: h, all: v.h, run: r.ID, coverage: slices.Concat(before, own), bundles: storedBundles(v.h.EventsUntil(r.ID)), principal: ownersOf(noted)}
	runs := touched(h, own)
	anew, err := h.OldRules(ctx, diff.Rules, rulesCode())
	if err != nil {
		return err
	}
	if anew {
		runs = laterRuns(h)
	}
	runs = together(runs, ownedSince(h, noted, r.ID))
	for _, e := range append(slices.Clone(runs), r) {
		foreign, err := v.h.Foreign(ctx, r.ID, recordsOf(v.h.Window(e.ID)).NotBefore)
		if err != nil || foreign > 0 {
			v.Unrepeated += int64(len(stored))
			return err
		}
	}
	s, err := sceneOf(ctx, v.h, r)
	if err != nil {
		return err
	}
	s.principal = p.principal
	bundles, err := p.bundles(ctx, s.span())
	if err != nil {
		return err
	}
	var changes []snapshot.Change
	// users has those for whom the run corrected an earlier attribution, or found what only
	// the log saw: attributing earlier runs again is compared with nothing else.
	users := map[snapshot.UserID]bool{}
	for _, w := range stored {
		if w.Number == 1 && w.Seen.Observed {
			changes = append(changes, w.Seen)
		} else {
			users[w.Seen.User] = true
		}
	}
	out, err := s.attribute(changes, bundles, p.coverage, nil, allUsers)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		runs = nil
	}
	concerns := func(id snapshot.UserID) bool { return users[id] }
	var corrections []store.Correction
	for _, e := range runs {
		late, corrected, err := p.again(ctx, e, concerns, map[string]int{})
		if err != nil {
			return err
		}
		out, corrections = append(out, late...), append(corrections, corrected...)
	}
	again := map[string]int{}
	for _, o := range out {
		again[attributionText(0, &o.Change, &o.Attribution)]++
	}
	for _, c := range corrections {
		again[attributionText(c.Change, nil, &c.Attribution)]++
	}
	for _, w := range stored {
		text := attributionText(0, &w.Seen, &w.Attribution)
		if w.Number > 1 {
			text = attributionText(w.Change, nil, &w.Attribution)
		}
		switch {
		case w.Rules != diff.Rules, w.Redacted:
			v.Unrepeated++ // it is by other rules, or forget erased its evidence
		case again[text] == 0:
			v.found(ledger.CheckAttributions, "change %d, revision %d: the stored events lead to another attribution than the one stored", w.Change, w.Number)
		default:
			v.Repeated++
			again[text]--
		}
	}
	return nil
}

// attributionText puts an attribution into a form in which it can be compared: all of it
// but the sentence, whose names may have changed. A correction is identified by the number
// of its change, a first attribution by the content of its change.
func attributionText(number int64, c *snapshot.Change, a *snapshot.Attribution) string {
	w := struct {
		Number      int64
		Change      any
		Attribution snapshot.Attribution
		At          int64
	}{Number: number, Attribution: *a, At: a.At.UnixMilli()}
	w.Attribution.Reason, w.Attribution.At = "", time.Time{}
	if c != nil {
		w.Change = []any{c.Kind, c.Observed, c.User, c.SKU, c.Path, c.From, c.Plans, c.State, c.Units}
	}
	text, err := json.Marshal(w)
	if err != nil {
		return err.Error() // it differs from every other
	}
	return string(text)
}
