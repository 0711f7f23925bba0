package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/ledger"
	"lictrail/snapshot/words"
)

// Archived is a person whom audit records or attributions name, as actor or as target. The
// person need not be a user of the history: the account may have been deleted before
// tracking began.
type Archived struct {
	ID         string // object id; "" when no record gives one
	Addresses  []string
	Names      []string
	Records    int // audit records that name them
	First, End time.Time
}

// Called has the names that records give the person.
func (a *Archived) Called() ledger.Called {
	c := ledger.Called{Addresses: a.Addresses, Names: a.Names}
	if a.ID != "" {
		c.IDs = []string{a.ID}
	}
	return c
}

// Title is how to call them in a sentence.
func (a *Archived) Title() string {
	if len(a.Addresses) > 0 {
		return a.Addresses[len(a.Addresses)-1]
	}
	return cmp.Or(a.ID, strings.Join(a.Names, ", "))
}

// archive is everybody whom audit records or attributions name.
type archive struct {
	ByID   map[string]*Archived
	loose  map[string]*Archived // by address in lower case: records without an object id
	failed int                  // records that could not be decoded
}

// ArchiveOf collects the people whom stored audit records and attributions name. It
// reads every stored record.
func ArchiveOf(ctx context.Context, b *Book) (*archive, error) {
	return store.Once(b.History, "archive", func() (*archive, error) { return readArchive(ctx, b) })
}

func readArchive(ctx context.Context, b *Book) (*archive, error) {
	a := &archive{ByID: map[string]*Archived{}, loose: map[string]*Archived{}}
	for row, err := range b.History.Stored(ctx, store.EventFilter{}) {
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
	actors, err := b.History.Actors(ctx)
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

// see notes that a record names a person; at is the time of the record.
func (a *archive) see(id, address, name string, at time.Time) {
	id = strings.ToLower(id)
	people, key := a.ByID, id
	if id == "" {
		people, key = a.loose, strings.ToLower(address)
	}
	if key == "" {
		return
	}
	p := people[key]
	if p == nil {
		p = &Archived{ID: id}
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

// Find returns the people with an object id, an address or a display name, in any
// case. Records that give an address and no object id belong to the person with that
// address.
func (a *archive) Find(ref string) []*Archived {
	ref = strings.TrimSpace(ref)
	is := func(word string) bool { return strings.EqualFold(word, ref) }
	var found []*Archived
	for _, p := range a.ByID {
		if is(p.ID) || slices.ContainsFunc(p.Addresses, is) || slices.ContainsFunc(p.Names, is) {
			found = append(found, p)
		}
	}
	if p := a.loose[strings.ToLower(ref)]; len(found) == 0 && p != nil {
		found = append(found, p)
	}
	slices.SortFunc(found, func(x, y *Archived) int { return strings.Compare(x.ID, y.ID) })
	return found
}

// Others lists the addresses of everybody but one, as records with object ids give
// them.
func (a *archive) Others(id string) []string {
	var all []string
	for other, p := range a.ByID {
		if other != id {
			all = append(all, p.Addresses...)
		}
	}
	return all
}

// manyRecords is the number of stored records up to which all are read to find a name.
// Where there are more, reading them takes a minute or longer: the name is then first
// looked for among the users of the history, by an index, and in the records only if no
// user has it.
var manyRecords int64 = 200_000

// Anybody resolves the argument USER: to users of the history or, when none has the
// name, to people whom only audit records and attributions name. A whole name or
// address goes before parts of one, wherever it is known from.
func Anybody(ctx context.Context, b *Book, ref string) ([]store.Person, []*Archived, error) {
	users, err := b.UsersCalled(ctx, ref)
	if err != nil || len(users) > 0 {
		return users, nil, err
	}
	if many, err := b.History.ManyRecords(ctx, manyRecords); err != nil || many {
		users, err := b.FindUsers(ctx, ref)
		var refused *Error
		if err == nil || !errors.As(err, &refused) || len(refused.Choices) > 0 {
			return users, nil, err
		}
	}
	all, err := ArchiveOf(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	users, people, err := apart(ctx, b, all.Find(ref))
	if err != nil || len(users) > 0 {
		return users, nil, err
	}
	if len(people) == 0 {
		users, unknown := b.FindUsers(ctx, ref)
		var refused *Error
		if unknown != nil && !errors.As(unknown, &refused) {
			return nil, nil, unknown
		}
		if _, people, err = apart(ctx, b, all.match(words.NewQuery(ref), words.Begins)); err != nil {
			return nil, nil, err
		}
		switch {
		case len(people) == 0 || b.History.Pseudonymous():
			return users, nil, unknown
		case len(people) > 1 || len(users) > 0 || len(refused.Choices) > 0:
			return nil, nil, severalPeople(ref, users, refused, people)
		}
		guess(b, ref, people[0].Line(), false)
	}
	if b.History.Pseudonymous() {
		return nil, nil, refuse(fmt.Sprintf("%q is no user of the history, and known from audit records only", ref), "ask without --pseudonymize")
	}
	return nil, people, nil
}

// apart separates users whom a run has read from those that only audit records name.
func apart(ctx context.Context, b *Book, found []*Archived) (users []store.Person, people []*Archived, err error) {
	for _, p := range found {
		user, ok, err := b.History.UserByID(ctx, snapshot.UserID(p.ID))
		switch {
		case err != nil:
			return nil, nil, err
		case ok && p.ID != "":
			users = append(users, user)
		default:
			people = append(people, p)
		}
	}
	return users, people, nil
}

// severalPeople says that a word means users of the history as well as others.
func severalPeople(ref string, users []store.Person, refused *Error, people []*Archived) error {
	var choices []Choice
	for _, u := range users {
		choices = append(choices, Choice{TitleOf(&store.Found{Person: u}), string(u.ID)})
	}
	if refused != nil {
		choices = append(choices, refused.Choices...)
	}
	for _, p := range people {
		choices = append(choices, Choice{p.Line() + ", known from audit records only", cmp.Or(p.ID, p.Title())})
	}
	return several("user", ref, choices, false)
}

// Line has the names, addresses and id of a person.
func (a *Archived) Line() string {
	line := strings.TrimSpace(strings.Join(a.Names, ", ") + " " + strings.Join(a.Addresses, ", "))
	return strings.TrimSpace(line + "  " + a.ID)
}

// match returns the people whose names or addresses fit as well as a rank.
func (a *archive) match(q words.Query, worst words.Rank) []*Archived {
	fits := func(p *Archived) bool {
		rank := words.No
		for _, address := range p.Addresses {
			rank = min(rank, q.Address(address))
		}
		for _, name := range p.Names {
			rank = min(rank, q.Name(name))
		}
		if q.Text != "" && strings.EqualFold(p.ID, q.Text) {
			rank = words.Whole
		}
		return rank <= worst
	}
	var found []*Archived
	for _, people := range []map[string]*Archived{a.ByID, a.loose} {
		for _, p := range people {
			if fits(p) {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, func(x, y *Archived) int {
		return cmp.Or(strings.Compare(x.Title(), y.Title()), strings.Compare(x.ID, y.ID))
	})
	return found
}

// Strangers are people who match a search and whom only audit records name; under
// pseudonyms there are none. unread counts the records that could not be read. searched is
// false where there are so many records that they are read on request only.
func Strangers(ctx context.Context, b *Book, q words.Query, must bool) (people []*Archived, unread int, searched bool, err error) {
	if b.History.Pseudonymous() {
		return nil, 0, true, nil
	}
	if many, err := b.History.ManyRecords(ctx, manyRecords); err != nil || many && !must {
		return nil, 0, false, err
	}
	all, err := ArchiveOf(ctx, b)
	if err != nil {
		return nil, 0, false, err
	}
	_, people, err = apart(ctx, b, all.match(q, words.Anywhere))
	return people, all.failed, true, err
}

// is reports whether somebody goes by an object id or, where there is none, by an
// address.
func (a *Archived) is(id, address string) bool {
	if a.ID != "" && id != "" {
		return strings.EqualFold(a.ID, id)
	}
	return address != "" && slices.ContainsFunc(a.Addresses, func(s string) bool { return strings.EqualFold(s, address) })
}

// recordsAbout lists the records about somebody that want lets through, and counts those
// of what they did themselves.
func recordsAbout(ctx context.Context, b *Book, people []*Archived, want func(*snapshot.Event) bool) (found []*Record, acted int, err error) {
	for row, err := range b.History.Stored(ctx, store.EventFilter{}) {
		if err != nil {
			return nil, 0, err
		}
		f := decoded(row)
		e := &f.Event
		if slices.ContainsFunc(people, func(p *Archived) bool { return e.Actor.Kind == snapshot.ActorUser && p.is(e.Actor.ID, e.Actor.UPN) }) {
			acted++
		}
		if want(e) && slices.ContainsFunc(people, func(p *Archived) bool { return p.is(f.Target, e.TargetUPN) }) {
			found = append(found, f)
		}
	}
	return found, acted, nil
}

// FromArchive is what audit records say about people whom no run has seen.
type FromArchive struct {
	People  []*Archived
	Records []*Record
	Acted   int // records of what they did themselves
}

// whoFromArchive lists the records that answer who about somebody whom only records
// know, the latest first.
func whoFromArchive(ctx context.Context, b *Book, people []*Archived, verb, sku string) (*FromArchive, error) {
	var m RecordMatch
	if err := m.WantSKU(ctx, b, sku); err != nil {
		return nil, err
	}
	found, acted, err := recordsAbout(ctx, b, people, func(ev *snapshot.Event) bool { return shows(ev, verb, m.skus) })
	slices.Reverse(found)
	return &FromArchive{people, found, acted}, err
}

// shows reports whether a record shows what a verb asks about; no SKUs mean any.
func shows(e *snapshot.Event, verb string, skus []snapshot.SKUID) bool {
	has := func(l []snapshot.EventLicense) bool {
		return slices.ContainsFunc(l, func(l snapshot.EventLicense) bool { return len(skus) == 0 || slices.Contains(skus, l.SKU) })
	}
	added, removed := MovedSKUs(e)
	switch verb {
	case "assigned":
		return e.Success && has(added)
	case "removed":
		return e.Success && has(removed)
	}
	return e.Success && (has(added) || has(removed) || e.LicenseTouched && len(skus) == 0)
}

// historyFromArchive lists the records about somebody whom only records know.
func historyFromArchive(ctx context.Context, b *Book, people []*Archived) (*FromArchive, error) {
	found, acted, err := recordsAbout(ctx, b, people, func(*snapshot.Event) bool { return true })
	return &FromArchive{people, found, acted}, err
}
