package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// archived is somebody whom audit records or attributions name: an actor, or
// somebody whom records are about. They need not be a user of the history: whoever
// left before tracking began is none.
type archived struct {
	ID         string // object id; "" when no record gives one
	Addresses  []string
	Names      []string
	Records    int // audit records that name them
	First, End time.Time
}

// called is what records call them.
func (a *archived) called() store.Called {
	c := store.Called{Addresses: a.Addresses, Names: a.Names}
	if a.ID != "" {
		c.IDs = []string{a.ID}
	}
	return c
}

// title is how to call them in a sentence.
func (a *archived) title() string {
	if len(a.Addresses) > 0 {
		return a.Addresses[len(a.Addresses)-1]
	}
	return cmp.Or(a.ID, strings.Join(a.Names, ", "))
}

// archive is everybody whom audit records or attributions name.
type archive struct {
	byID   map[string]*archived
	loose  map[string]*archived // by address in lower case: records without an object id
	failed int                  // records that could not be decoded
}

// archive collects the people whom stored audit records and attributions name. It
// reads every stored record.
func (n names) archive(ctx context.Context) (*archive, error) {
	a := &archive{byID: map[string]*archived{}, loose: map[string]*archived{}}
	for row, err := range n.History.Stored(ctx, store.EventFilter{}) {
		if err != nil {
			return nil, err
		}
		e, err := audit.Decode(row.RawEvent)
		if err != nil {
			a.failed++
			continue
		}
		a.record(&e, row.At)
	}
	actors, err := n.History.Actors(ctx)
	for _, actor := range actors {
		if actor.Kind == snapshot.ActorUser {
			a.see(actor.ID, actor.UPN, actor.Name, time.Time{})
		}
	}
	return a, err
}

func (a *archive) record(e *snapshot.Event, at time.Time) {
	if e.Actor.Kind == snapshot.ActorUser {
		a.see(e.Actor.ID, e.Actor.UPN, e.Actor.Name, at)
	}
	if same := string(e.Target) == e.Actor.ID && e.Target != "" || e.TargetUPN != "" && strings.EqualFold(e.TargetUPN, e.Actor.UPN); !same {
		a.see(string(e.Target), e.TargetUPN, "", at)
	} else {
		a.see(string(e.Target), e.TargetUPN, "", time.Time{})
	}
}

// see notes that somebody was named; at is the time of a record that counts.
func (a *archive) see(id, address, name string, at time.Time) {
	id = strings.ToLower(id)
	people, key := a.byID, id
	if id == "" {
		people, key = a.loose, strings.ToLower(address)
	}
	if key == "" {
		return
	}
	p := people[key]
	if p == nil {
		p = &archived{ID: id}
		people[key] = p
	}
	for word, list := range map[string]*[]string{address: &p.Addresses, name: &p.Names} {
		if word != "" && !slices.ContainsFunc(*list, func(s string) bool { return strings.EqualFold(s, word) }) {
			*list = append(*list, word)
		}
	}
	if at.IsZero() {
		return
	}
	p.Records++
	if p.First.IsZero() {
		p.First = at
	}
	p.End = at
}

// find returns the people with an object id, an address or a display name, in any
// case. Records that give an address and no object id belong to the person with that
// address.
func (a *archive) find(ref string) []*archived {
	ref = strings.TrimSpace(ref)
	is := func(word string) bool { return strings.EqualFold(word, ref) }
	var found []*archived
	for _, p := range a.byID {
		if is(p.ID) || slices.ContainsFunc(p.Addresses, is) || slices.ContainsFunc(p.Names, is) {
			found = append(found, p)
		}
	}
	if p := a.loose[strings.ToLower(ref)]; len(found) == 0 && p != nil {
		found = append(found, p)
	}
	slices.SortFunc(found, func(x, y *archived) int { return strings.Compare(x.ID, y.ID) })
	return found
}

// others lists the addresses of everybody but one, as records with object ids give
// them.
func (a *archive) others(id string) []string {
	var all []string
	for other, p := range a.byID {
		if other != id {
			all = append(all, p.Addresses...)
		}
	}
	return all
}

// anybody resolves the argument USER: to users of the history or, when none has the
// name, to people whom only audit records and attributions name.
func (n names) anybody(ctx context.Context, ref string) ([]store.Person, []*archived, error) {
	users, unknown := n.FindUsers(ctx, ref)
	if unknown == nil || !errors.As(unknown, new(*ask.Error)) {
		return users, nil, unknown
	}
	all, err := n.archive(ctx)
	if err != nil {
		return nil, nil, err
	}
	var people []*archived
	for _, p := range all.find(ref) {
		user, ok, err := n.History.UserByID(ctx, snapshot.UserID(p.ID))
		if err != nil {
			return nil, nil, err
		}
		if ok && p.ID != "" {
			users = append(users, user)
			continue
		}
		people = append(people, p)
	}
	switch {
	case len(users) > 0:
		return users, nil, nil
	case len(people) == 0:
		return nil, nil, unknown
	case n.History.Pseudonymous():
		return nil, nil, usage(fmt.Sprintf("%q is no user of the history, and known from audit records only", ref), "ask without --pseudonymize")
	}
	return nil, people, nil
}

// is reports whether somebody goes by an object id or, where there is none, by an
// address.
func (a *archived) is(id, address string) bool {
	if a.ID != "" && id != "" {
		return strings.EqualFold(a.ID, id)
	}
	return address != "" && slices.ContainsFunc(a.Addresses, func(s string) bool { return strings.EqualFold(s, address) })
}

// about lists the records about somebody that want lets through, and counts those
// of what they did themselves.
func (n names) about(ctx context.Context, people []*archived, want func(*snapshot.Event) bool) (found []*foundEvent, acted int, err error) {
	for row, err := range n.History.Stored(ctx, store.EventFilter{}) {
		if err != nil {
			return nil, 0, err
		}
		f := decoded(row)
		e := &f.event
		if slices.ContainsFunc(people, func(p *archived) bool { return e.Actor.Kind == snapshot.ActorUser && p.is(e.Actor.ID, e.Actor.UPN) }) {
			acted++
		}
		if want(e) && slices.ContainsFunc(people, func(p *archived) bool { return p.is(f.Target, e.TargetUPN) }) {
			found = append(found, f)
		}
	}
	return found, acted, nil
}

// whoFromArchive answers who about somebody whom only records know.
func (n names) whoFromArchive(ctx context.Context, e *env, people []*archived, args []string) error {
	var m eventMatch
	if len(args) == 3 {
		if err := m.wantSKU(ctx, n, args[2]); err != nil {
			return err
		}
	}
	found, acted, err := n.about(ctx, people, func(ev *snapshot.Event) bool { return shows(ev, args[0], m.skus) })
	if err != nil {
		return err
	}
	slices.Reverse(found) // the latest first, as for users
	return n.fromArchive(e, people, found, acted, "No audit record shows that.")
}

// shows reports whether a record shows what a verb asks about; no SKUs mean any.
func shows(e *snapshot.Event, verb string, skus []snapshot.SKUID) bool {
	has := func(l []snapshot.EventLicense) bool {
		return slices.ContainsFunc(l, func(l snapshot.EventLicense) bool { return len(skus) == 0 || slices.Contains(skus, l.SKU) })
	}
	added, removed := movedSKUs(e)
	switch verb {
	case "assigned":
		return e.Success && has(added)
	case "removed":
		return e.Success && has(removed)
	}
	return e.Success && (has(added) || has(removed) || e.LicenseTouched && len(skus) == 0)
}

// historyFromArchive answers history about somebody whom only records know.
func (n names) historyFromArchive(ctx context.Context, e *env, people []*archived) error {
	found, acted, err := n.about(ctx, people, func(*snapshot.Event) bool { return true })
	if err != nil {
		return err
	}
	return n.fromArchive(e, people, found, acted, "No audit record is about them.")
}

// archiveJSON is the answer about somebody whom only records know: no item, since
// no run has seen a change of theirs, but the records.
type archiveJSON struct {
	Schema  int               `json:"schema"`
	Tenant  tenantJSON        `json:"tenant"`
	Users   []show.UserJSON   `json:"users"`
	Items   []show.ChangeJSON `json:"items"`
	Records []foundJSON       `json:"records"`
	Acted   int               `json:"acted"` // records of what they did themselves
	Gaps    []out.Gap         `json:"gaps"`
}

func (n names) fromArchive(e *env, people []*archived, found []*foundEvent, acted int, none string) error {
	switch e.format {
	case "json":
		doc := archiveJSON{out.Schema, tenantJSON{string(n.History.Tenant.ID), show.OrNull(n.History.Tenant.Name)}, []show.UserJSON{}, []show.ChangeJSON{}, []foundJSON{}, acted, show.Gaps(n.Book, e.command)}
		for _, p := range people {
			doc.Users = append(doc.Users, show.UserJSON{ID: p.ID, UPN: show.OrNull(lastOf(p.Addresses)), Name: show.OrNull(lastOf(p.Names))})
		}
		for _, f := range found {
			doc.Records = append(doc.Records, n.found(f, false))
		}
		text, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return fmt.Errorf("write the records: %w", err)
		}
		_, err = e.Out.Write(append(text, '\n'))
		return err
	case "csv", show.FormatWorkbook:
		e.Notef("no run has seen %s; lictrail audit search --user has the audit records", people[0].title())
		return show.Changes(n.Book, true).Print(e.printer(n), show.Given([]*store.ChangeRow(nil)))
	}
	for _, p := range people {
		if err := e.Printf("%s: no run of the history has seen this account; known from audit records only.\n", p.line()); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		if err := e.Printf("%s\n", none); err != nil {
			return err
		}
	}
	for _, f := range found {
		line := f.At.UTC().Format("2006-01-02 15:04:05 UTC") + ": " + f.Activity
		if words, ok := n.foundWords(f).(string); ok {
			line += " " + words
		}
		if by := show.ActorWord(knownActor(&f.event)); by != "" {
			line += ", by " + by
		}
		if err := e.Printf("%s\n  Evidence %s %s\n", line, f.Source, f.ID); err != nil {
			return err
		}
	}
	if acted > 0 {
		return e.Printf("%s what this account did: lictrail audit search --actor %s\n",
			pluralVerb(acted), cmp.Or(people[0].ID, people[0].title()))
	}
	return nil
}

func pluralVerb(n int) string {
	if n == 1 {
		return "1 audit record shows"
	}
	return fmt.Sprintf("%d audit records show", n)
}

func lastOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
