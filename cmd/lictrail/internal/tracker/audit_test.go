package tracker

import (
	"context"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// oneRecord is a log with one record, for whatever is asked.
type oneRecord string

func (r oneRecord) AuditEvents(_ context.Context, _ AuditQuery, page func([][]byte) error, _ func()) error {
	return page([][]byte{[]byte(r)})
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
