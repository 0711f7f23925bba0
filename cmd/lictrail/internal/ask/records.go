package ask

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"

	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Record is an archived record with what it says.
type Record struct {
	*store.StoredEvent
	Event snapshot.Event // empty when the record could not be decoded
	Why   string         // why it could not
}

// RecordMatch says which records are wanted; empty fields want all.
type RecordMatch struct {
	Sources    []snapshot.Source
	Activities []string
	Actor      string
	users      map[snapshot.UserID]bool
	upn        string      // of a user whom records may know and history does not
	known      []*Archived // whom only records know
	skus       []snapshot.SKUID
	skuName    string // part number
	group      string
	groupID    snapshot.GroupID
	parts      map[string]bool // chunked records of which a part shows the SKU
}

// User finds the ids that are meant. Records also name users who were gone
// before tracking began: these match as they are named. Nobody else is known.
func (m *RecordMatch) User(ctx context.Context, b *Book, ref string) error {
	if ref == "" {
		return nil
	}
	people, err := b.History.FindUsers(ctx, ref)
	if err != nil {
		return err
	}
	m.users = map[snapshot.UserID]bool{snapshot.NormalID(snapshot.UserID(ref)): true}
	m.upn = ref
	for _, p := range people {
		m.users[p.ID] = true
	}
	if len(people) > 0 {
		return nil
	}
	users, known, err := Anybody(ctx, b, ref)
	for _, u := range users {
		m.users[u.ID] = true
	}
	m.known = known
	return err
}

// WantSKU finds the SKU by the tenant's words or the catalog's: the tenant may no
// longer have it. Neither may know an id that records show.
func (m *RecordMatch) WantSKU(ctx context.Context, b *Book, word string) (err error) {
	if word == "" {
		return nil
	}
	if m.skus, err = b.FindSKUs(word); err != nil {
		if len(b.SKUsOf(word)) > 0 {
			return err
		}
		s, other := b.Catalog.FindSKU(word)
		id := s.ID
		if other != nil && IsGUID(word) {
			id = snapshot.NormalID(snapshot.SKUID(word))
			other = archiveKnows(ctx, b, err, func(f *Record) bool { return bytes.Contains(bytes.ToLower(f.Raw), []byte(id)) })
		}
		if other != nil {
			return err
		}
		m.skus = []snapshot.SKUID{id}
	}
	m.skuName = b.PartNumber(m.skus[0])
	return nil
}

// WantGroup finds the group by what it is called or, if it never gave licenses,
// by what records call it.
func (m *RecordMatch) WantGroup(ctx context.Context, b *Book, word string) (err error) {
	if m.group = strings.ToLower(strings.TrimSpace(word)); m.group == "" {
		return nil
	}
	if m.groupID, err = b.FindGroup(ctx, word); err != nil {
		return archiveKnows(ctx, b, err, func(f *Record) bool { return m.isOf(f) })
	}
	return nil
}

// archiveKnows returns an error about something unknown, unless a record knows it.
func archiveKnows(ctx context.Context, b *Book, unknown error, knows func(*Record) bool) error {
	for row, err := range b.History.Stored(ctx, store.EventFilter{}) {
		if err != nil {
			return err
		}
		if knows(decoded(row)) {
			return nil
		}
	}
	return unknown
}

// decoded is a stored record with what it says.
func decoded(row *store.StoredEvent) *Record {
	found := &Record{StoredEvent: row}
	var err error
	if found.Event, err = audit.Decode(row.RawEvent); err != nil {
		found.Why = err.Error()
	}
	return found
}

// isAbout reports whether a record is about the user.
func (m *RecordMatch) isAbout(f *Record) bool {
	upn := f.Event.TargetUPN
	if slices.ContainsFunc(m.known, func(p *Archived) bool { return p.is(f.Target, upn) }) {
		return true
	}
	return f.Target != "" && m.users[snapshot.UserID(f.Target)] || upn != "" && strings.EqualFold(upn, m.upn)
}

// isOf reports whether a record is about the group.
func (m *RecordMatch) isOf(f *Record) bool {
	e := &f.Event
	return e.Group != "" && (e.Group == m.groupID || strings.EqualFold(string(e.Group), m.group) || strings.EqualFold(e.GroupName, m.group))
}

// FindParts notes the chunked records that show the SKU: each part has only a
// piece of the text.
func (m *RecordMatch) FindParts(ctx context.Context, b *Book, f store.EventFilter) error {
	if len(m.skus) == 0 {
		return nil
	}
	m.parts = map[string]bool{}
	for row, err := range b.History.Stored(ctx, f) {
		if err != nil {
			return err
		}
		e, err := audit.Decode(row.RawEvent)
		if err == nil && e.Part != nil && (slices.ContainsFunc(m.skus, func(id snapshot.SKUID) bool { return strings.Contains(e.Part.Body, string(id)) }) ||
			m.skuName != "" && strings.Contains(e.Part.Body, "SkuName="+m.skuName+",")) {
			m.parts[e.Part.ID] = true
		}
	}
	return nil
}

// Search lists the records that are wanted. To be quick, records about users are found
// by an index, which is no evidence: whole goes through all records instead.
func (m *RecordMatch) Search(ctx context.Context, b *Book, f store.EventFilter, whole bool) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		if m.users != nil && len(m.known) == 0 && !whole {
			f.Naming = &store.Naming{Address: m.upn}
			for id := range m.users {
				f.Naming.IDs = append(f.Naming.IDs, string(id))
			}
		}
		for row, err := range b.History.Stored(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if found := decoded(row); m.wants(found) && !yield(found, nil) {
				return
			}
		}
	}
}

func (m *RecordMatch) wants(f *Record) bool {
	e := &f.Event
	is := func(values ...string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return v != "" && strings.EqualFold(v, m.Actor) })
	}
	switch {
	case len(m.Sources) > 0 && !slices.Contains(m.Sources, f.Source):
	case len(m.Activities) > 0 && !slices.ContainsFunc(m.Activities, func(a string) bool {
		return strings.Contains(string(audit.Normalize(f.Activity)), a)
	}):
	case m.users != nil && !m.isAbout(f):
	case m.Actor != "" && !is(e.Actor.ID, e.Actor.AppID, e.Actor.UPN, e.Actor.Name, e.Actor.ClientApp):
	case m.group != "" && !m.isOf(f):
	case len(m.skus) > 0 && !m.shows(e):
	default:
		return true
	}
	return false
}

// shows reports whether a record has the SKU in any of its license sets.
func (m *RecordMatch) shows(e *snapshot.Event) bool {
	has := func(l snapshot.EventLicense) bool { return slices.Contains(m.skus, l.SKU) }
	switch {
	case e.Part != nil:
		return m.parts[e.Part.ID]
	case e.License != nil && (slices.ContainsFunc(e.License.Old, has) || slices.ContainsFunc(e.License.New, has)):
		return true
	}
	return e.GroupSKUs != nil && (slices.ContainsFunc(e.GroupSKUs.Old, has) || slices.ContainsFunc(e.GroupSKUs.New, has))
}

func KnownActor(e *snapshot.Event) *snapshot.Actor {
	if !e.Actor.Known() {
		return nil
	}
	return &e.Actor
}

// MovedSKUs lists what a record shows given and taken.
func MovedSKUs(e *snapshot.Event) (added, removed []snapshot.EventLicense) {
	added, removed, _ = audit.Delta(e.License)
	if g := e.GroupSKUs; g != nil {
		added, removed, _ = audit.Delta(&snapshot.LicenseDetail{Old: g.Old, New: g.New, OldKnown: true, NewKnown: true})
	}
	return added, removed
}

func IsGUID(s string) bool { return len(s) == 36 && strings.Count(s, "-") == 4 }
