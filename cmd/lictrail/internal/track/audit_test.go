package track

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// oneRecord is a log with one record, for whatever is asked.
type oneRecord string

func (r oneRecord) DirectoryAudits(_ context.Context, _ snapshot.AuditQuery, page func([]snapshot.LogRecord) error, _ func() error) error {
	return page([]snapshot.LogRecord{{Raw: []byte(r)}})
}

// A record that is none may be what a change rests on: the log was not read.
func TestRun_StrangeRecord(t *testing.T) {
	const whole = `{"id":"e1","activityDateTime":"2026-02-20T10:00:00Z","activityDisplayName":"Change user license"}`
	for _, test := range []struct {
		record  string
		covered bool
	}{
		{whole, true},
		{strings.Replace(whole, `"e1"`, `""`, 1), true}, // it gets an id that follows from what it says
		{strings.Replace(whole, "2026-02-20T10:00:00Z", "yesterday", 1), false},
		{strings.Replace(whole, "Change user license", "", 1), false},
	} {
		db := openTestDB(t)
		reader := parseRun(t, "at 2026-03-01\nsku E3\nuser ann\n    has E3\n    row E3 direct Active 2026-01-05\n")
		o := reader.options()
		o.Audit = oneRecord(test.record)
		s, err := Run(t.Context(), reader, db, o)
		if err != nil {
			t.Fatal(err)
		}
		stretches, err := openHistory(t, db).Coverage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		from, to := s.Result.ObservedAt.Add(-time.Hour), s.Result.ObservedAt
		warned := 0
		for _, w := range s.Result.Warnings {
			if w.Code == "audit-log" {
				warned++
			}
		}
		if got := snapshot.Covered(stretches, from, to); got != test.covered || warned > 0 == test.covered {
			t.Errorf("%s: covered %v, warnings %v", test.record, got, s.Result.Warnings)
		}
	}
}

// TestAuditSpan: a run asks from the end of what is covered, less the overlap. What somebody says an export covers does not keep it from
// reading the log for itself.
func TestAuditSpan(t *testing.T) {
	date := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		return day(t, "2026-"+text)
	}
	of := func(from, to string) snapshot.Coverage {
		return snapshot.Coverage{Source: snapshot.SourceGraph, From: date(from), To: date(to), Complete: true}
	}
	failed, said, other := of("03-10", "03-20"), of("03-01", "03-20"), of("03-01", "03-20")
	failed.Complete, said.Imported, other.Source = false, true, snapshot.SourceUnified
	for name, test := range map[string]struct {
		stretches     []snapshot.Coverage
		covered, from string
	}{
		"nothing is covered":              {nil, "", "02-18"},
		"nothing but what failed":         {[]snapshot.Coverage{failed}, "", "02-18"},
		"the run before":                  {[]snapshot.Coverage{of("03-01", "03-19")}, "03-19", "03-17"},
		"a run failed":                    {[]snapshot.Coverage{of("03-01", "03-10"), failed}, "03-10", "03-08"},
		"longer ago than any log is kept": {[]snapshot.Coverage{of("01-01", "02-02")}, "02-02", "02-18"},
		"a gap":                           {[]snapshot.Coverage{of("02-20", "03-01"), of("03-13", "03-19")}, "03-19", "03-17"},
		"imported":                        {[]snapshot.Coverage{of("02-01", "03-10"), said}, "03-10", "03-08"},
		"read from another source":        {[]snapshot.Coverage{of("02-01", "03-10"), other}, "03-10", "03-08"},
	} {
		r := newGraphLog(&run{shown: shown{passed: snapshot.PagesRead{ObservedUntil: date("03-20")}}})
		got := r.auditSpan(test.stretches)
		if !got.covered.Equal(date(test.covered)) || !got.asked.NotBefore.Equal(date(test.from)) || got.asked.NotAfter.Before(date("03-20")) {
			t.Errorf("%s: covered until %s, asks from %s to %s, want %q and from %s", name, got.covered, got.asked.NotBefore, got.asked.NotAfter, test.covered, test.from)
		}
	}
}

// TestRun_LateRecord: what the log still has of a time of which it is not sure to have
// all is taken, and that time does not count as read.
func TestRun_LateRecord(t *testing.T) {
	db := openTestDB(t)
	record := func(at string) oneRecord {
		return oneRecord(`{"id":"` + at + `","activityDateTime":"` + at + `","activityDisplayName":"Change user license"}`)
	}
	for _, r := range []struct {
		date string
		log  oneRecord
	}{
		{"2026-03-01", record("2026-02-28T10:00:00Z")},
		{"2026-03-20", record("2026-03-03T10:00:00Z")},
	} {
		reader := parseRun(t, "at "+r.date+"\nsku E3\nuser ann\n    has E3\n    row E3 direct Active 2026-01-05\n")
		o := reader.options()
		o.Audit = r.log
		if _, err := Run(t.Context(), reader, db, o); err != nil {
			t.Fatal(err)
		}
	}
	stretches, err := openHistory(t, db).Coverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range snapshot.JoinCoverage(stretches) {
		got = append(got, fmt.Sprintf("%s %s %t %d", c.From.Format(time.DateOnly), c.To.Format(time.DateOnly), c.Complete, c.Events))
	}
	want := []string{"2026-02-22 2026-03-01 true 1", "2026-03-01 2026-03-13 false 1", "2026-03-13 2026-03-20 true 0"}
	if !slices.Equal(got, want) {
		t.Errorf("covered %q, want %q", got, want)
	}
}
