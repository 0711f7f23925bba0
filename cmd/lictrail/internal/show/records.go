package show

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
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

func RawRecords(p Printer, rows iter.Seq2[*ask.Record, error]) error {
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
		if err := p.Printf("%s\n", line.String()); err != nil {
			return err
		}
		count++
	}
	if count == 0 {
		p.Notef("no archived record matches")
	}
	return nil
}

// RecordJSON is an archived record; raw is its text, byte for byte.
type RecordJSON struct {
	Source      string          `json:"source"`
	ID          string          `json:"id"`
	At          *string         `json:"at"`
	Activity    string          `json:"activity"`
	Success     bool            `json:"success"`
	Actor       *ActorJSON      `json:"actor"`
	Target      *targetJSON     `json:"target"`
	Group       *GroupJSON      `json:"group"`
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

func record(b *ask.Book, f *ask.Record, raw bool) RecordJSON {
	e := &f.Event
	sum := sha256.Sum256(f.Raw)
	added, removed := ask.MovedSKUs(e)
	j := RecordJSON{Source: string(f.Source), ID: f.ID, At: Stamp(f.At), Activity: f.Activity, Success: e.Success, Actor: Actor(ask.KnownActor(e)),
		Added: partNumbers(b, added), Removed: partNumbers(b, removed), Correlation: OrNull(f.Correlation), Copy: f.Copy, SHA256: hex.EncodeToString(sum[:]),
		Unreadable: OrNull(f.Why)}
	if f.Target != "" || e.TargetUPN != "" {
		j.Target = &targetJSON{OrNull(f.Target), OrNull(e.TargetUPN)}
	}
	if e.Group != "" {
		j.Group = &GroupJSON{ID: string(e.Group), Name: OrNull(cmp.Or(b.History.GroupName(e.Group), e.GroupName))}
	}
	if f.Run != 0 {
		run := int64(f.Run)
		j.Run = &run
	}
	if f.File != nil {
		j.File = &sourceFileJSON{f.File.Name, OrNull(f.File.Member), f.File.SHA256, f.Line}
	}
	if raw {
		text := string(f.Raw)
		j.Raw = &text
	}
	return j
}

func partNumbers(b *ask.Book, licenses []snapshot.EventLicense) []string {
	list := []string{}
	for _, l := range licenses {
		list = append(list, cmp.Or(b.PartNumber(l.SKU), l.Name, string(l.SKU)))
	}
	return list
}

// bundleEnd is the last line of an export: the number of records, the history that they
// are from, and the hashes that prove that the file was not altered.
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

// Evidence writes one record on each line, and a last line that proves that none is
// missing.
func Evidence(ctx context.Context, p Printer, version string, raw bool, rows iter.Seq2[*ask.Record, error]) error {
	head, err := p.Book.History.Head(ctx)
	if err != nil {
		return err
	}
	all := &digested{w: p.Out, hash: sha256.New()}
	enc := json.NewEncoder(all)
	enc.SetEscapeHTML(false)
	records := 0
	for f, err := range rows {
		if err != nil {
			return err
		}
		if err := enc.Encode(record(p.Book, f, raw)); err != nil {
			return err
		}
		records++
	}
	end := bundleEnd{Records: records, Tenant: string(p.Book.History.Tenant.ID), Version: version, Head: head, SHA256: hex.EncodeToString(all.hash.Sum(nil))}
	end.seal()
	last, err := json.Marshal(end)
	if err == nil {
		_, err = p.Out.Write(append(last, '\n'))
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

func Records(b *ask.Book, raw bool) Listing[*ask.Record] {
	type row = *ask.Record
	return Listing[row]{
		JSON: func(f row) any { return record(b, f, raw) },
		None: "no archived record matches",
		Columns: []Column[row]{
			{CSV: "source", Cell: func(f row) any { return string(f.Source) }},
			{CSV: "id", Cell: func(f row) any { return f.ID }},
			{Column: out.Column{Head: Zoned("AT")}, Text: func(f row) any { return out.InZone(f.At).Format("2006-01-02 15:04:05") }},
			{CSV: "at", Cell: func(f row) any { return Stamp(f.At) }},
			{Column: out.Column{Head: "ACTIVITY", Min: 14, Rank: 2}, CSV: "activity", Text: func(f row) any { return f.Activity }},
			{Column: out.Column{Head: "ACTOR", Keep: true}, CSV: "actor", Text: func(f row) any { return Dash(ActorLabel(ask.KnownActor(&f.Event))) },
				Cell: func(f row) any { return ActorLabel(ask.KnownActor(&f.Event)) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "target_upn", Text: func(f row) any { return Dash(cmp.Or(f.Event.TargetUPN, f.Target)) },
				Cell: func(f row) any { return f.Event.TargetUPN }},
			{CSV: "target_id", Cell: func(f row) any { return f.Target }},
			{Column: out.Column{Head: "WHAT", Min: 10, Rank: 4, Wrap: true}, CSV: "what", Text: func(f row) any { return recordText(b, f) }},
			{CSV: "correlation_id", Cell: func(f row) any { return f.Correlation }},
			{CSV: "copy", Cell: func(f row) any { return f.Copy }},
			{CSV: "sha256", Cell: func(f row) any { return record(b, f, false).SHA256 }},
			{CSV: "raw", Cell: func(f row) any {
				if !raw {
					return ""
				}
				return string(f.Raw)
			}},
		},
	}
}

// recordText says in short what a record shows.
func recordText(b *ask.Book, f *ask.Record) any {
	e := &f.Event
	added, removed := ask.MovedSKUs(e)
	var labels []string
	for _, l := range added {
		labels = append(labels, "+"+licenseLabel(b, l))
	}
	for _, l := range removed {
		labels = append(labels, "-"+licenseLabel(b, l))
	}
	if e.Group != "" {
		labels = append(labels, cmp.Or(b.History.GroupName(e.Group), e.GroupName, string(e.Group)))
	}
	if e.Part != nil {
		labels = append(labels, partText(e.Part))
	}
	if f.Copy > 1 {
		labels = append(labels, fmt.Sprintf("copy %d, fuller", f.Copy))
	}
	if f.Why != "" {
		labels = append(labels, "unreadable")
	} else if !e.Success {
		labels = append(labels, "failed")
	}
	return Dash(strings.Join(labels, " "))
}

// licenseLabel is the name of a license in a record.
func licenseLabel(b *ask.Book, l snapshot.EventLicense) string {
	if b.PartNumber(l.SKU) == "" && l.Name != "" {
		return l.Name
	}
	return b.SKULabel(l.SKU)
}

// partText says which part of a record an event is. Some records do not have the number of
// parts.
func partText(p *snapshot.Part) string {
	if p.Count == 0 {
		return fmt.Sprintf("part %d, of how many is not known", p.Seq)
	}
	return fmt.Sprintf("part %d of %d", p.Seq, p.Count)
}
