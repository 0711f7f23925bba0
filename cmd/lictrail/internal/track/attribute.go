package track

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// attribute says of each change why it happened, adds what only the audit log
// saw, and attributes anew what earlier runs saw, where records that came late, or
// newer rules, say otherwise.
func (t *run) attribute(ctx context.Context) (corrections []store.Correction, _ error) {
	if t.sync.Previous == nil {
		return nil, nil // I7
	}
	h, err := t.db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	known, since, err := h.Knew(ctx, t.sync.Run, t.sync.Previous.ID)
	if err != nil {
		return nil, err
	}
	s, err := t.scene(ctx, h)
	if err != nil {
		return nil, err
	}
	coverage := slices.Concat(stretches, t.coverage)
	bundles, err := t.bundles(ctx, s.span())
	if err != nil {
		return nil, err
	}
	runs := touched(h, slices.Concat(since, t.coverage))
	anew, err := h.OldRules(ctx, diff.Rules, rulesCode())
	if err != nil {
		return nil, err
	}
	if anew {
		runs = laterRuns(h)
	}
	noted, err := h.Principals(ctx, t.sync.Run)
	if err != nil {
		return nil, err
	}
	span := s.span()
	for _, r := range runs {
		if w := recordsOf(h.Window(r.ID)); w.NotBefore.Before(span.NotBefore) {
			span.NotBefore = w.NotBefore
		}
	}
	if noted, err = t.readOwners(ctx, noted, span); err != nil {
		return nil, err
	}
	owned := ownedSince(h, noted, t.sync.Run)
	runs = together(runs, owned)
	s.principal = ownersOf(noted)
	if err := errors.Join(s.attributeEach(t.changes(), bundles, coverage, t.take), t.differs.err); err != nil {
		return nil, err
	}
	p := &past{h: h, all: h, run: t.sync.Run, coverage: coverage, bundles: t.bundles, principal: s.principal}
	changed := map[string]int{}
	for _, r := range runs {
		concerns := allUsers
		if !anew && !slices.Contains(owned, r) {
			n, err := t.newEvidenceOf(ctx, h, r, known, coverage)
			if err != nil {
				return nil, err
			}
			if n.none() {
				continue
			}
			concerns = n.concerns
		}
		late, better, err := p.again(ctx, r, concerns, changed)
		if err != nil {
			return nil, err
		}
		for i := range late {
			if err := t.take(&late[i]); err != nil {
				return nil, err
			}
		}
		corrections = append(corrections, better...)
	}
	if anew {
		t.warnings = append(t.warnings, snapshot.Warning{Code: rulesCode(), Message: rulesSummary(changed)})
	}
	return corrections, nil
}

// take takes a change of the run with its attribution.
func (t *run) take(c *store.Attributed) error {
	if c.Run == 0 {
		c.Run = t.sync.Run
	}
	t.outlines = append(t.outlines, t.outliner.Of(&c.Change, &c.Attribution))
	_, err := t.found.Add(c)
	return err
}

// span is the time whose records bear on the window: the engine may not have
// followed what came a day before, and a snapshot's clock may differ.
func (s *scene) span() snapshot.Window { return recordsOf(s.window) }

func recordsOf(w snapshot.Window) snapshot.Window {
	return snapshot.Window{NotBefore: w.NotBefore.Add(-snapshot.GroupLag), NotAfter: w.NotAfter.Add(snapshot.ClockSlack)}
}

// rulesCode is the code of the warning that a run attributed everything again by the rules
// of this program.
func rulesCode() string { return fmt.Sprintf("attributed-anew-%d", diff.Rules) }

func rulesSummary(changed map[string]int) string {
	n, parts := 0, []string(nil)
	for _, words := range mapKeys(changed) {
		n += changed[words]
		parts = append(parts, fmt.Sprintf("%s: %d", words, changed[words]))
	}
	message := fmt.Sprintf("the rules of attribution are new (version %d): what earlier runs saw was attributed anew, and %d attributions were corrected", diff.Rules, n)
	if n > 0 {
		message += " (" + strings.Join(parts, ", ") + ")"
	}
	return message
}

// touched lists the earlier runs whose window the reading of a log touched again.
func touched(h *store.History, read []snapshot.Coverage) []*store.Run {
	return slices.DeleteFunc(laterRuns(h), func(r *store.Run) bool {
		w := recordsOf(h.Window(r.ID))
		return !slices.ContainsFunc(read, func(c snapshot.Coverage) bool {
			return (c.Complete || c.Events > 0) && !w.NotAfter.Before(c.From) && !w.NotBefore.After(c.To)
		})
	})
}

// laterRuns lists the complete runs but the first, in order.
func laterRuns(h *store.History) []*store.Run {
	var runs []*store.Run
	for _, r := range h.Runs {
		if r.Previous != 0 {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(x, y *store.Run) int { return int(x.ID - y.ID) })
	return runs
}

// past attributes again what earlier runs saw.
type past struct {
	h, all   *store.History // the history as it was known, and all of it
	run      snapshot.RunID // which writes the result
	coverage []snapshot.Coverage
	bundles  func(context.Context, snapshot.Window) ([]snapshot.Bundle, error)
	// principal is what was known of applications.
	principal func(id string) (snapshot.Principal, bool)
}

// again attributes the changes of an earlier run once more: those of the users whom new
// evidence concerns, and those of the tenant itself where it may concern any user. It
// returns the changes that only the log shows and that are not stored yet, and the
// corrections, of which the earlier attribution is kept as a revision. changed counts
// causes that differ.
func (p *past) again(ctx context.Context, r *store.Run, concerns func(snapshot.UserID) bool, changed map[string]int) (late []store.Attributed, corrections []store.Correction, _ error) {
	s, err := sceneOf(ctx, p.all, r)
	if err != nil {
		return nil, nil, err
	}
	s.principal = p.principal
	seen, unseen, beside, err := p.stored(ctx, r, s.window)
	if err != nil {
		return nil, nil, err
	}
	bundles, err := p.bundles(ctx, s.span())
	if err != nil {
		return nil, nil, err
	}
	var changes []snapshot.Change
	for _, c := range seen {
		changes = append(changes, c.AsSeen())
	}
	out, err := s.attribute(changes, bundles, p.coverage, nil, concerns)
	if err != nil {
		return nil, nil, err
	}
	erased, err := p.all.Erased(ctx, s.span().NotBefore, s.span().NotAfter)
	if err != nil {
		return nil, nil, err
	}
	correct := func(c *store.ChangeRow, now *snapshot.Attribution) {
		if revises(c, now, erased) {
			corrections = append(corrections, store.Correction{Change: c.ID, Attribution: *now})
			if c.Attribution.Cause != now.Cause {
				changed[string(c.Attribution.Cause)+" to "+string(now.Cause)]++
			}
		}
	}
	for i, c := range seen {
		if concerns(c.User) {
			correct(c, &out[i].Attribution)
		}
	}
	known := make([]bool, len(unseen))
	for _, f := range out[len(seen):] {
		same := func(c *store.ChangeRow) bool { return sameUnseen(c, &f) }
		i := slices.IndexFunc(unseen, same)
		if i < 0 {
			if !slices.ContainsFunc(beside, same) {
				f.Run = p.run
				late = append(late, f)
			}
			continue
		}
		if !known[i] {
			correct(unseen[i], &f.Attribution)
		}
		known[i] = true
	}
	for i, c := range unseen {
		if !known[i] && concerns(c.User) {
			correct(c, withdrawn())
		}
	}
	return late, corrections, nil
}

// stored lists the changes that a run saw, those of its window that only the log
// saw, and those that were found in the windows beside it. A record may lie on either
// side of a snapshot.
func (p *past) stored(ctx context.Context, r *store.Run, w snapshot.Window) (seen, unseen, beside []*store.ChangeRow, _ error) {
	for c, err := range p.h.Changes(ctx, store.ChangeFilter{Run: r.ID}) {
		if err != nil {
			return nil, nil, nil, err
		}
		if c.Observed {
			seen = append(seen, c)
		}
	}
	for c, err := range p.h.Changes(ctx, store.ChangeFilter{Unseen: true, Since: w.NotBefore.Add(-snapshot.ClockSlack), Until: w.NotAfter.Add(snapshot.ClockSlack)}) {
		if err != nil {
			return nil, nil, nil, err
		}
		if !c.Window.NotBefore.Before(w.NotBefore) && !c.Window.NotAfter.After(w.NotAfter) {
			unseen = append(unseen, c)
		} else {
			beside = append(beside, c)
		}
	}
	return seen, unseen, beside, nil
}

// sameUnseen reports whether a stored change that only the log saw is one that is
// found now: of the same kind, and by the same records or at the same time.
func sameUnseen(c *store.ChangeRow, f *store.Attributed) bool {
	if c.Kind != f.Kind || c.User != f.User || c.SKU != f.SKU {
		return false
	}
	return !f.Attribution.At.IsZero() && f.Attribution.At.Truncate(time.Millisecond).Equal(c.Attribution.At) || shareEvidence(&c.Attribution, &f.Attribution)
}

func shareEvidence(x, y *snapshot.Attribution) bool {
	return slices.ContainsFunc(x.Evidence, func(e snapshot.EventRef) bool {
		return slices.ContainsFunc(y.Evidence, func(o snapshot.EventRef) bool { return keyOf(o) == keyOf(e) })
	})
}

func keyOf(e snapshot.EventRef) diff.EventRefKey { return diff.EventRefKey{Source: e.Source, ID: e.ID} }

// withdrawn is what is said of a change that only the log saw, when what is known
// now no longer proves it.
func withdrawn() *snapshot.Attribution {
	return &snapshot.Attribution{Cause: snapshot.CauseUnknown, Initiator: snapshot.ByUnknown, Confidence: snapshot.Low,
		UnknownWhy: snapshot.Ambiguous, Rules: diff.Rules, Reason: "What is known now no longer proves that this happened: it was concluded from fewer records."}
}

// revises reports whether a new attribution takes the place of a stored one. That
// the log was not read never takes back what was proven; nor does the lack of
// records that were erased on purpose.
func revises(c *store.ChangeRow, now *snapshot.Attribution, erased bool) bool {
	old := &c.Attribution
	if old.Cause != snapshot.CauseUnknown && now.Cause == snapshot.CauseUnknown {
		unlisted := c.Presence != "" && c.Listed == nil // the run knew what the deleted account listed; that was not stored at first
		if now.UnknownWhy == snapshot.NotCovered || unlisted && now.UnknownWhy != snapshot.Ambiguous {
			return false
		}
	}
	if erased && old.Cause != snapshot.CauseUnknown && slices.ContainsFunc(old.Evidence, func(e snapshot.EventRef) bool {
		return !slices.ContainsFunc(now.Evidence, func(o snapshot.EventRef) bool { return keyOf(o) == keyOf(e) })
	}) {
		return false
	}
	return !sameAttribution(old, now)
}

// sameAttribution compares all but the sentence, in which names may have changed,
// and the version of the rules.
func sameAttribution(x, y *snapshot.Attribution) bool {
	plain := func(a snapshot.Attribution) string { a.Rules = 0; return attributionText(0, nil, &a) }
	return plain(*x) == plain(*y)
}

// archive lists stored records.
type archive func(context.Context, store.EventFilter) iter.Seq2[*snapshot.RawEvent, error]

// storedBundles decodes stored records and puts those of each operation together, as
// a run does with what it has just fetched besides.
func storedBundles(a archive) func(context.Context, snapshot.Window) ([]snapshot.Bundle, error) {
	return (&run{archive: a}).bundles
}
