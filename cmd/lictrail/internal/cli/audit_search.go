package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type auditSearchOptions struct {
	user, actor, sku, group string
	since, until            string
	activity, source        []string
	raw                     bool
}

func newAuditSearch(e *env) *cobra.Command {
	var o auditSearchOptions
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search the archived audit records, and export them",
		Long: `Searches all audit records that are archived, fetched or imported, in order of
time. --actor takes an object id, an application id, a UPN or the name of an
application; --activity the name as in the log, or a part of it.

--format jsonl exports a record a line, with the SHA-256 of the record as it
was archived and the file and line it came from; the last line has the number
of records, the head of the history, the SHA-256 of all lines before it and one
over all of this. docs/verify-evidence.sh checks such a file without lictrail.
With --raw each has the record byte for byte, as text: its SHA-256 is the one
beside it.

A record that came again, and said more, is there with each of its copies.`,
		Example: `  lictrail audit search --user ann@contoso.com --sku SPE_E5
  lictrail audit search --actor "License Reclaimer" --since 90d --raw
  lictrail audit search --since 2026-01-01 --until 2026-03-31 \
    --raw --format jsonl --output evidence.jsonl`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: "jsonl"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runAuditSearch(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "only records about this `user`")
	f.StringVar(&o.actor, "actor", "", "only what this `actor` did")
	f.StringVar(&o.sku, "sku", "", "only records that show this `SKU`")
	f.StringVar(&o.group, "group", "", "only records about this `group`, by id or name")
	f.StringSliceVar(&o.activity, "activity", nil, "only these `activities`, such as \"change user license\"")
	f.StringSliceVar(&o.source, "source", nil, "only records from these `sources`: graph, unified, purview, azure-monitor")
	f.StringVar(&o.since, "since", "", "from this `time` on")
	f.StringVar(&o.until, "until", "", "up to this `time`")
	f.BoolVar(&o.raw, "raw", false, "show the records as they were archived")
	return cmd
}

// foundEvent is an archived record with what it says.
type foundEvent struct {
	*store.StoredEvent
	event snapshot.Event // empty when the record could not be decoded
	why   string         // why it could not
}

func runAuditSearch(ctx context.Context, e *env, o auditSearchOptions) error {
	return withHistory(ctx, e, func(n names) error {
		f, match, err := o.filter(ctx, e, n)
		if err != nil {
			return err
		}
		if err := match.findParts(ctx, n, f); err != nil {
			return err
		}
		rows := match.search(ctx, n, f)
		switch {
		case e.format == "jsonl":
			return n.exportLines(ctx, e, o.raw, rows)
		case e.format == "text" && o.raw:
			e.aside = true // programs take the records
			return printRaw(e, rows)
		}
		return n.searchListing(o.raw).Print(e.printer(n), rows)
	})
}

func (o auditSearchOptions) filter(ctx context.Context, e *env, n names) (f store.EventFilter, m eventMatch, err error) {
	if f.From, f.To, err = parseSpan(o.since, o.until, e.now()); err != nil {
		return f, m, err
	}
	if m.sources, err = oneOf("source", o.source, []snapshot.Source{snapshot.SourceGraph, snapshot.SourceUnified, snapshot.SourcePurview, snapshot.SourceAzureMonitor}); err != nil {
		return f, m, err
	}
	for _, a := range o.activity {
		m.activities = append(m.activities, string(audit.Normalize(a)))
	}
	m.actor = strings.ToLower(strings.TrimSpace(o.actor))
	if err := m.user(ctx, n, o.user); err != nil {
		return f, m, err
	}
	if err := m.wantSKU(ctx, n, o.sku); err != nil {
		return f, m, err
	}
	return f, m, m.wantGroup(ctx, n, o.group)
}

// eventMatch says which records are wanted; empty fields want all.
type eventMatch struct {
	sources    []snapshot.Source
	activities []string
	actor      string
	users      map[snapshot.UserID]bool
	upn        string      // of a user whom records may know and history does not
	known      []*archived // whom only records know
	skus       []snapshot.SKUID
	skuName    string // part number
	group      string
	groupID    snapshot.GroupID
	parts      map[string]bool // chunked records of which a part shows the SKU
}

// user finds the ids that are meant. Records also tell of users who were gone
// before tracking began: these match as they are named. Nobody else is known.
func (m *eventMatch) user(ctx context.Context, n names, ref string) error {
	if ref == "" {
		return nil
	}
	people, err := n.History.FindUsers(ctx, ref)
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
	users, known, err := n.anybody(ctx, ref)
	for _, u := range users {
		m.users[u.ID] = true
	}
	m.known = known
	return err
}

// wantSKU finds the SKU by the tenant's words or the catalog's: the tenant may no
// longer have it. Neither may know an id that records show.
func (m *eventMatch) wantSKU(ctx context.Context, n names, word string) (err error) {
	if word == "" {
		return nil
	}
	if m.skus, err = n.FindSKUs(word); err != nil {
		if len(n.SKUsOf(word)) > 0 {
			return err
		}
		s, other := n.Catalog.FindSKU(word)
		id := s.ID
		if other != nil && isGUID(word) {
			id = snapshot.NormalID(snapshot.SKUID(word))
			other = archiveKnows(ctx, n, err, func(f *foundEvent) bool { return bytes.Contains(bytes.ToLower(f.Raw), []byte(id)) })
		}
		if other != nil {
			return err
		}
		m.skus = []snapshot.SKUID{id}
	}
	m.skuName = n.PartNumber(m.skus[0])
	return nil
}

// wantGroup finds the group by what it is called or, if it never gave licenses,
// by what records call it.
func (m *eventMatch) wantGroup(ctx context.Context, n names, word string) (err error) {
	if m.group = strings.ToLower(strings.TrimSpace(word)); m.group == "" {
		return nil
	}
	if m.groupID, err = n.FindGroup(word); err != nil {
		return archiveKnows(ctx, n, err, func(f *foundEvent) bool { return m.isOf(f) })
	}
	return nil
}

// archiveKnows returns an error about something unknown, unless a record knows it.
func archiveKnows(ctx context.Context, n names, unknown error, knows func(*foundEvent) bool) error {
	for row, err := range n.History.Stored(ctx, store.EventFilter{}) {
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
func decoded(row *store.StoredEvent) *foundEvent {
	found := &foundEvent{StoredEvent: row}
	var err error
	if found.event, err = audit.Decode(row.RawEvent); err != nil {
		found.why = err.Error()
	}
	return found
}

// isAbout reports whether a record is about the user.
func (m *eventMatch) isAbout(f *foundEvent) bool {
	upn := f.event.TargetUPN
	if slices.ContainsFunc(m.known, func(p *archived) bool { return p.is(f.Target, upn) }) {
		return true
	}
	return f.Target != "" && m.users[snapshot.UserID(f.Target)] || upn != "" && strings.EqualFold(upn, m.upn)
}

// isOf reports whether a record is about the group.
func (m *eventMatch) isOf(f *foundEvent) bool {
	e := &f.event
	return e.Group != "" && (e.Group == m.groupID || strings.EqualFold(string(e.Group), m.group) || strings.EqualFold(e.GroupName, m.group))
}

// findParts notes the chunked records that show the SKU: each part has only a
// piece of the text.
func (m *eventMatch) findParts(ctx context.Context, n names, f store.EventFilter) error {
	if len(m.skus) == 0 {
		return nil
	}
	m.parts = map[string]bool{}
	for row, err := range n.History.Stored(ctx, f) {
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

func (m *eventMatch) search(ctx context.Context, n names, f store.EventFilter) iter.Seq2[*foundEvent, error] {
	return func(yield func(*foundEvent, error) bool) {
		for row, err := range n.History.Stored(ctx, f) {
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

func (m *eventMatch) wants(f *foundEvent) bool {
	e := &f.event
	is := func(values ...string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return v != "" && strings.EqualFold(v, m.actor) })
	}
	switch {
	case len(m.sources) > 0 && !slices.Contains(m.sources, f.Source):
	case len(m.activities) > 0 && !slices.ContainsFunc(m.activities, func(a string) bool {
		return strings.Contains(string(audit.Normalize(f.Activity)), a)
	}):
	case m.users != nil && !m.isAbout(f):
	case m.actor != "" && !is(e.Actor.ID, e.Actor.AppID, e.Actor.UPN, e.Actor.Name, e.Actor.ClientApp):
	case m.group != "" && !m.isOf(f):
	case len(m.skus) > 0 && !m.shows(e):
	default:
		return true
	}
	return false
}

// shows reports whether a record has the SKU in any of its license sets.
func (m *eventMatch) shows(e *snapshot.Event) bool {
	has := func(l snapshot.EventLicense) bool { return slices.Contains(m.skus, l.SKU) }
	switch {
	case e.Part != nil:
		return m.parts[e.Part.ID]
	case e.License != nil && (slices.ContainsFunc(e.License.Old, has) || slices.ContainsFunc(e.License.New, has)):
		return true
	}
	return e.GroupSKUs != nil && (slices.ContainsFunc(e.GroupSKUs.Old, has) || slices.ContainsFunc(e.GroupSKUs.New, has))
}

func printRaw(e *env, rows iter.Seq2[*foundEvent, error]) error {
	count := 0
	for f, err := range rows {
		if err != nil {
			return err
		}
		var line bytes.Buffer
		if json.Compact(&line, f.Raw) != nil {
			line.Reset()
			line.Write(f.Raw)
		}
		if err := e.Printf("%s\n", line.String()); err != nil {
			return err
		}
		count++
	}
	if count == 0 {
		e.Notef("no archived record matches")
	}
	return nil
}

// foundJSON is an archived record; raw is its text, byte for byte.
type foundJSON struct {
	Source      string          `json:"source"`
	ID          string          `json:"id"`
	At          *string         `json:"at"`
	Activity    string          `json:"activity"`
	Success     bool            `json:"success"`
	Actor       *show.ActorJSON `json:"actor"`
	Target      *targetJSON     `json:"target"`
	Group       *show.GroupJSON `json:"group"`
	Added       []string        `json:"added"`
	Removed     []string        `json:"removed"`
	Correlation *string         `json:"correlation_id"`
	Copy        int             `json:"copy"`
	Run         *int64          `json:"run"`
	File        *sourceFileJSON `json:"file"`
	SHA256      string          `json:"sha256"`
	Unreadable  *string         `json:"unreadable"`
	Raw         *string         `json:"raw"`
}

type targetJSON struct {
	ID  *string `json:"id"`
	UPN *string `json:"upn"`
}

type sourceFileJSON struct {
	Name   string  `json:"name"`
	Member *string `json:"member"`
	SHA256 string  `json:"sha256"`
	Line   int     `json:"line"`
}

func (n names) found(f *foundEvent, raw bool) foundJSON {
	e := &f.event
	sum := sha256.Sum256(f.Raw)
	added, removed := movedSKUs(e)
	j := foundJSON{Source: string(f.Source), ID: f.ID, At: show.Stamp(f.At), Activity: f.Activity, Success: e.Success, Actor: show.Actor(knownActor(e)),
		Added: n.partNumbers(added), Removed: n.partNumbers(removed), Correlation: show.OrNull(f.Correlation), Copy: f.Copy, SHA256: hex.EncodeToString(sum[:]),
		Unreadable: show.OrNull(f.why)}
	if f.Target != "" || e.TargetUPN != "" {
		j.Target = &targetJSON{show.OrNull(f.Target), show.OrNull(e.TargetUPN)}
	}
	if e.Group != "" {
		j.Group = &show.GroupJSON{ID: string(e.Group), Name: show.OrNull(cmp.Or(n.History.GroupName(e.Group), e.GroupName))}
	}
	if f.Run != 0 {
		run := int64(f.Run)
		j.Run = &run
	}
	if f.File != nil {
		j.File = &sourceFileJSON{f.File.Name, show.OrNull(f.File.Member), f.File.SHA256, f.Line}
	}
	if raw {
		text := string(f.Raw)
		j.Raw = &text
	}
	return j
}

func knownActor(e *snapshot.Event) *snapshot.Actor {
	if !e.Actor.Known() {
		return nil
	}
	return &e.Actor
}

// movedSKUs lists what a record shows given and taken.
func movedSKUs(e *snapshot.Event) (added, removed []snapshot.EventLicense) {
	added, removed, _ = audit.Delta(e.License)
	if g := e.GroupSKUs; g != nil {
		added, removed, _ = audit.Delta(&snapshot.LicenseDetail{Old: g.Old, New: g.New, OldKnown: true, NewKnown: true})
	}
	return added, removed
}

func (n names) partNumbers(licenses []snapshot.EventLicense) []string {
	list := []string{}
	for _, l := range licenses {
		list = append(list, cmp.Or(n.PartNumber(l.SKU), l.Name, string(l.SKU)))
	}
	return list
}

// bundleEnd is the last line of an export: how many records there are, what they
// are from, and what shows that all of it is as it was written.
type bundleEnd struct {
	Records int    `json:"records"`
	Tenant  string `json:"tenant"`
	Version string `json:"version"` // of the program
	Head    string `json:"head"`    // of the history that the records are from
	SHA256  string `json:"sha256"`  // of all lines before
	Bundle  string `json:"bundle"`  // over all of this
}

// seal computes the hash over all of the last line, and so over all lines, in a form
// that sha256sum can compute too.
func (b *bundleEnd) seal() {
	sum := sha256.Sum256(fmt.Appendf(nil, "lictrail evidence 1\n%d\n%s\n%s\n%s\n%s\n", b.Records, b.Tenant, b.Version, b.Head, b.SHA256))
	b.Bundle = hex.EncodeToString(sum[:])
}

// exportLines writes a record a line, and last what proves that none is missing.
func (n names) exportLines(ctx context.Context, e *env, raw bool, rows iter.Seq2[*foundEvent, error]) error {
	head, err := n.History.Head(ctx)
	if err != nil {
		return err
	}
	all := &digested{w: e.Out, hash: sha256.New()}
	enc := json.NewEncoder(all)
	enc.SetEscapeHTML(false)
	records := 0
	for f, err := range rows {
		if err != nil {
			return err
		}
		if err := enc.Encode(n.found(f, raw)); err != nil {
			return err
		}
		records++
	}
	end := bundleEnd{Records: records, Tenant: string(n.History.Tenant.ID), Version: version(), Head: head, SHA256: hex.EncodeToString(all.hash.Sum(nil))}
	end.seal()
	last, err := json.Marshal(end)
	if err == nil {
		_, err = e.Out.Write(append(last, '\n'))
	}
	return err
}

// digested adds what is written to a hash.
type digested struct {
	w    io.Writer
	hash hash.Hash
}

func (d *digested) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	_, hashErr := d.hash.Write(p[:n])
	return n, errors.Join(err, hashErr)
}

func (n names) searchListing(raw bool) show.Listing[*foundEvent] {
	type row = *foundEvent
	return show.Listing[row]{
		JSON: func(f row) any { return n.found(f, raw) },
		None: "no archived record matches",
		Columns: []show.Column[row]{
			{CSV: "source", Cell: func(f row) any { return string(f.Source) }},
			{CSV: "id", Cell: func(f row) any { return f.ID }},
			{Column: out.Column{Head: "AT"}, Text: func(f row) any { return f.At.UTC().Format("2006-01-02 15:04:05") }},
			{CSV: "at", Cell: func(f row) any { return show.Stamp(f.At) }},
			{Column: out.Column{Head: "ACTIVITY", Min: 14, Rank: 2}, CSV: "activity", Text: func(f row) any { return f.Activity }},
			{Column: out.Column{Head: "ACTOR", Min: 10, Rank: 3}, CSV: "actor", Text: func(f row) any { return dash(show.ActorWord(knownActor(&f.event))) },
				Cell: func(f row) any { return show.ActorWord(knownActor(&f.event)) }},
			{Column: out.Column{Head: "USER", Min: 10, Rank: 1}, CSV: "target_upn", Text: func(f row) any { return dash(cmp.Or(f.event.TargetUPN, f.Target)) },
				Cell: func(f row) any { return f.event.TargetUPN }},
			{CSV: "target_id", Cell: func(f row) any { return f.Target }},
			{Column: out.Column{Head: "WHAT", Min: 10, Rank: 4, Wrap: true}, CSV: "what", Text: func(f row) any { return n.foundWords(f) }},
			{CSV: "correlation_id", Cell: func(f row) any { return f.Correlation }},
			{CSV: "copy", Cell: func(f row) any { return f.Copy }},
			{CSV: "sha256", Cell: func(f row) any { return n.found(f, false).SHA256 }},
			{CSV: "raw", Cell: func(f row) any {
				if !raw {
					return ""
				}
				return string(f.Raw)
			}},
		},
	}
}

// foundWords tells in short what a record shows.
func (n names) foundWords(f *foundEvent) any {
	e := &f.event
	added, removed := movedSKUs(e)
	var words []string
	for _, name := range n.partNumbers(added) {
		words = append(words, "+"+name)
	}
	for _, name := range n.partNumbers(removed) {
		words = append(words, "-"+name)
	}
	if e.Group != "" {
		words = append(words, cmp.Or(n.History.GroupName(e.Group), e.GroupName, string(e.Group)))
	}
	if e.Part != nil {
		words = append(words, partWords(e.Part))
	}
	if f.Copy > 1 {
		words = append(words, fmt.Sprintf("copy %d, fuller", f.Copy))
	}
	if f.why != "" {
		words = append(words, "unreadable")
	} else if !e.Success {
		words = append(words, "failed")
	}
	return dash(strings.Join(words, " "))
}

// partWords says which part of a record an event is. Some do not say of how many.
func partWords(p *snapshot.Part) string {
	if p.Count == 0 {
		return fmt.Sprintf("part %d, of how many is not known", p.Seq)
	}
	return fmt.Sprintf("part %d of %d", p.Seq, p.Count)
}
