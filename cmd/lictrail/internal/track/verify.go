package track

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/ledger"
)

// Replay counts what was verified by the rules of comparing and attributing.
type Replay struct {
	States       int64 // states of users that were compared with the one before
	Changes      int64 // that were found anew
	Attributions int64 // that were compared with the events that they name
	Unproven     int64 // of them, those whose events were erased on purpose
	Repeated     int64 // of them, those to which attributing again led as well
	Unrepeated   int64 // of them, those that cannot be attributed again: not all evidence is stored, or the rules were another version's
	Findings     []ledger.Finding
}

// Verify checks that the stored changes are the difference of each two stored states, and
// that each attribution follows from the stored events. It reads one user at a time, so
// that only that user and the changes are in memory. Attributions by other versions of
// the rules are only compared with the events that they name.
func Verify(ctx context.Context, h *store.History) (*Replay, error) {
	v := &verifier{h: h, moved: map[snapshot.RunID]map[snapshot.SKUID]bool{}}
	for _, check := range []func(context.Context) error{v.tenant, v.users, v.attributions, v.rederive} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	return &v.Replay, nil
}

type verifier struct {
	Replay
	h      *store.History
	prints snapshot.Fingerprints
	moved  map[snapshot.RunID]map[snapshot.SKUID]bool // SKUs whose catalog a run found changed
}

func (v *verifier) found(check, format string, args ...any) {
	v.Findings = append(v.Findings, ledger.Finding{Check: check, What: fmt.Sprintf(format, args...)})
}

// runs lists the complete runs in order.
func (v *verifier) runs() []*store.Run {
	runs := make([]*store.Run, 0, len(v.h.Runs))
	for _, r := range v.h.Runs {
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b *store.Run) int { return int(a.ID - b.ID) })
	return runs
}

// tenant replays the changes of the catalog and of groups, run by run.
func (v *verifier) tenant(ctx context.Context) error {
	changes, err := v.h.TenantChanges(ctx)
	if err != nil {
		return err
	}
	stored := byRun(changes)
	for _, r := range v.runs() {
		if r.Previous == 0 {
			v.same(r.ID, "the tenant", nil, stored[r.ID])
			continue
		}
		skus, groups, err := v.h.CatalogAt(ctx, r.Previous)
		if err != nil {
			return err
		}
		nowSKUs, nowGroups, err := v.h.CatalogAt(ctx, r.ID)
		if err != nil {
			return err
		}
		catalog := diff.SKUs(skus, nowSKUs, r.ID)
		v.moved[r.ID] = diff.CatalogMoved(catalog)
		v.same(r.ID, "the tenant", append(catalog, diff.Groups(groups, nowGroups, r.ID)...), stored[r.ID])
	}
	return nil
}

func byRun(changes []snapshot.Change) map[snapshot.RunID][]snapshot.Change {
	var all map[snapshot.RunID][]snapshot.Change
	for _, c := range changes {
		if all == nil { // most users have none
			all = map[snapshot.RunID][]snapshot.Change{}
		}
		all[c.Run] = append(all[c.Run], c)
	}
	return all
}

// users replays each user's states.
func (v *verifier) users(ctx context.Context) error {
	for t, err := range v.h.Timelines(ctx) {
		if err != nil {
			return err
		}
		v.user(t)
	}
	return nil
}

func (v *verifier) user(t *store.Timeline) {
	stored := byRun(t.Changes)
	var last *snapshot.Known
	lastRun := snapshot.RunID(0)
	for _, id := range t.Runs() {
		r := v.h.Runs[id]
		if r == nil {
			v.found(ledger.CheckReplay, "user %s: a row names run %d, which is not a complete run", t.Person.ID, id)
			return
		}
		known := last // nothing differs between the two runs
		if r.Previous < lastRun || r.Previous >= id {
			known = nil
			if r.Previous != 0 {
				known = t.At(r.Previous)
			}
		}
		last, lastRun = v.step(t, r, known, stored[id]), id
		delete(stored, id)
	}
	for id := range stored {
		v.found(ledger.CheckReplay, "user %s: run %d has changes, and its state does not differ", t.Person.ID, id)
	}
	// forget removes the fingerprint of a user whose row it changed; the next run then
	// compares the whole row
	if last != nil && t.Fingerprint != 0 && v.prints.Of(&last.User) != t.Fingerprint {
		v.found(ledger.CheckReplay, "user %s: the fingerprint is not that of the newest state", t.Person.ID)
	}
}

// step compares the state that a run left with the one known before, by the rules by
// which the run did. It returns that state.
func (v *verifier) step(t *store.Timeline, r *store.Run, known *snapshot.Known, stored []snapshot.Change) (now *snapshot.Known) {
	v.States++
	if now = t.At(r.ID); now == nil {
		v.found(ledger.CheckReplay, "user %s: run %d shows no state", t.Person.ID, r.ID)
		return nil
	}
	d := diff.Comparer{Run: r.ID, CatalogMoved: v.moved[r.ID]}.User(known, now.User)
	if r.Previous == 0 {
		d.Changes = nil // I7
	}
	v.same(r.ID, "user "+string(t.Person.ID), d.Changes, stored)
	slices.SortFunc(d.Opened, func(a, b snapshot.OpenedPath) int { return a.PathKey.Compare(b.PathKey) })
	if !slices.EqualFunc(d.Opened, t.Opened(r.ID), func(a, b snapshot.OpenedPath) bool { return a.Span == b.Span && a.Equal(b.Path) }) ||
		!slices.Equal(d.Closed, t.Closed(r.ID)) {
		v.found(ledger.CheckReplay, "user %s: the licenses that run %d began and ended are not those that its state shows", t.Person.ID, r.ID)
	}
	return now
}

// same compares changes found anew with those stored.
func (v *verifier) same(run snapshot.RunID, whose string, anew, stored []snapshot.Change) {
	v.Changes += int64(len(anew))
	if !slices.Equal(texts(anew), texts(stored)) {
		v.found(ledger.CheckReplay, "%s: run %d stored %d changes; its state differs from the one before by %d, or by others", whose, run, len(stored), len(anew))
	}
	for i := range stored {
		if stored[i].Window != v.h.Window(run) {
			v.found(ledger.CheckReplay, "change %d: it does not lie between run %d and the one before", stored[i].ID, run)
		}
	}
}

// texts puts changes into a form and an order in which they can be compared.
func texts(changes []snapshot.Change) []string {
	all := make([]string, len(changes))
	for i, c := range changes {
		c.ID, c.Affected, c.Listed, c.Window = 0, 0, nil, snapshot.Window{}
		text, err := json.Marshal(c)
		if err != nil {
			text = []byte(err.Error()) // it differs from every other
		}
		all[i] = string(text)
	}
	slices.Sort(all)
	return all
}

// attributions compares each attribution with the events that it names: they must be
// stored, and must show what the attribution says.
func (v *verifier) attributions(ctx context.Context) error {
	numbers := map[int64]int{}
	for r, err := range v.h.Revisions(ctx) {
		if err != nil {
			return err
		}
		v.Attributions++
		if numbers[r.Change]++; numbers[r.Change] != r.Number {
			v.found(ledger.CheckAttributions, "change %d: revision %d follows revision %d", r.Change, r.Number, numbers[r.Change]-1)
			numbers[r.Change] = r.Number
		}
		if err := v.attribution(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) attribution(ctx context.Context, r *store.Revision) error {
	wrong := func(what string) {
		v.found(ledger.CheckAttributions, "change %d, revision %d: %s", r.Change, r.Number, what)
	}
	if (r.Cause == snapshot.CauseUnknown) != (r.UnknownWhy != "") {
		wrong("a cause is unknown exactly when it says why")
	}
	if r.Redacted { // on purpose
		v.Unproven++
		return nil
	}
	var events []snapshot.Event
	for _, ref := range r.Evidence {
		copies, err := v.h.Copies(ctx, ref)
		erased := func(raw *snapshot.RawEvent) bool { return len(raw.Raw) == 0 }
		isMeant := func(raw *snapshot.RawEvent) bool {
			return raw.At.Equal(ref.At.Truncate(1e6)) && audit.Normalize(raw.Activity) == audit.Normalize(ref.Activity)
		}
		switch {
		case err != nil:
			return err
		case len(copies) == 0:
			wrong(fmt.Sprintf("event %q is not stored", ref.ID))
			return nil
		case slices.ContainsFunc(copies, erased): // on purpose
			v.Unproven++
			return nil
		case !slices.ContainsFunc(copies, isMeant):
			wrong(fmt.Sprintf("event %q is not the one that it names", ref.ID))
		}
		for _, raw := range copies {
			e, err := audit.Decode(*raw)
			if err != nil {
				wrong(fmt.Sprintf("event %q cannot be read", ref.ID))
				continue
			}
			events = append(events, e)
		}
	}
	if r.Actor != nil && !named(events, r.Actor) {
		wrong("no event names its actor")
	}
	// a deletion may have its time from the deleted user
	if !r.At.IsZero() && r.Cause != snapshot.CauseUserDeleted && !slices.ContainsFunc(events, func(e snapshot.Event) bool { return e.At.Truncate(1e6).Equal(r.At) }) {
		wrong("no event is of its time")
	}
	return nil
}

func named(events []snapshot.Event, a *snapshot.Actor) bool {
	return slices.ContainsFunc(events, func(e snapshot.Event) bool {
		return e.Actor.ID == a.ID && e.Actor.AppID == a.AppID && strings.EqualFold(e.Actor.UPN, a.UPN)
	})
}
