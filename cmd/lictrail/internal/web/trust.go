package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// trustView shows the limits of all answers: the runs, the times for which no log was
// read, and the warnings of runs.
func trustView(ctx context.Context, q *question) (*answer, error) {
	h := q.book.History
	attempts, err := h.Attempts(ctx)
	if err != nil {
		return nil, err
	}
	coverage, err := h.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	head, err := h.Head(ctx)
	if err != nil {
		return nil, err
	}
	a := &answer{command: "report", Page: page.Page{Title: "Trust",
		Lead: "What is shown is what complete runs read. A cause is given where records or what the runs read show it; else it is unknown, with the reason."}}
	a.Tiles = trustTiles(attempts)
	a.Sections = []page.Section{
		calendarOf(snapshot.UnionCoverage(coverage, h.First.ObservedAt, h.At.ObservedUntil)),
		warningsOf(attempts), runsOf(attempts), {ID: "chain", Heading: "Integrity", Text: []string{
			fmt.Sprintf("Every run is sealed with a hash of all before it. The newest is %s: keep it where nobody who can write the database can reach it.", head),
			"Whether the file still is what was sealed is found out by lictrail verify, which reads all of it. This page does not."}},
	}
	a.formats = func(p show.Printer) error { return show.Runs().Print(p, show.Given(attempts)) }
	return a, nil
}

func trustTiles(attempts []*store.Run) []page.Tile {
	failed, warnings := 0, 0
	var complete *store.Run
	for _, r := range attempts {
		if r.Status == store.Complete {
			complete = r
			failed, warnings = 0, len(r.Warnings)
		} else {
			failed++
		}
	}
	tiles := []page.Tile{{Figure: fmt.Sprint(len(attempts)), Label: "runs", Section: "runs"},
		{Figure: fmt.Sprint(failed), Label: "failed since the newest complete run", Section: "runs", Alarm: failed > 0},
		{Figure: fmt.Sprint(warnings), Label: "warnings of the newest complete run", Section: "warnings", Alarm: warnings > 0}}
	if complete == nil {
		return tiles
	}
	audit := page.Tile{Figure: "read", Label: "audit log, by the newest complete run", Section: "coverage"}
	switch {
	case complete.Audit == nil:
		audit.Figure, audit.Unknown = "not asked", true
	case !complete.Audit.Complete:
		audit.Figure, audit.Alarm = "not in full", true
	}
	return append(tiles, audit)
}

// calendarOf colors each day by how much of it some log was read for.
func calendarOf(union []snapshot.Coverage) page.Section {
	s := page.Section{ID: "coverage", Heading: "For which days the audit log was read"}
	if len(union) == 0 {
		s.Text = []string{"For none."}
		return s
	}
	from, until := union[0].From.UTC(), union[len(union)-1].To.UTC()
	var days []page.Day
	for day := from.Truncate(24 * time.Hour); day.Before(until); day = day.AddDate(0, 0, 1) {
		days = append(days, dayOf(union, day, from, until))
	}
	keys := []page.Key{{Class: "read", Label: "read"}, {Class: "partly", Label: "read in part"}, {Class: "unread", Label: "not read: who did what may stay unknown"}}
	s.Charts = twin(page.CalendarChart("calendar", "Audit log, day by day", days, keys, 53), page.CalendarChart("calendar-narrow", "Audit log, day by day", days, keys, 18))
	t := page.Table{Caption: "Times for which no log was read", Columns: []page.Column{{Head: "From", Tight: true}, {Head: "To", Tight: true}, {Head: "Why", Long: true}}}
	for _, c := range union {
		if !c.Complete {
			t.Rows = append(t.Rows, []any{stamp(c.From), stamp(c.To), c.Why})
		}
	}
	if len(t.Rows) == 0 {
		s.Text = []string{"No gap since tracking began."}
		return s
	}
	slices.Reverse(t.Rows)
	if more := len(t.Rows) - maxRows; more > 0 {
		t.Rows, t.More = t.Rows[:maxRows], fmt.Sprintf("and %d older ones: lictrail audit coverage", more)
	}
	s.Tables = []page.Table{t}
	return s
}

// dayOf is how much of a day, as far as it lies between two times, was read.
func dayOf(union []snapshot.Coverage, day, from, until time.Time) page.Day {
	begin, end := later(day, from), earlier(day.AddDate(0, 0, 1), until)
	var read time.Duration
	for _, c := range union {
		if c.Complete {
			if part := earlier(end, c.To).Sub(later(begin, c.From)); part > 0 {
				read += part
			}
		}
	}
	switch left := end.Sub(begin) - read; {
	case left <= time.Second:
		return page.Day{Date: day, Class: "read", Text: "read"}
	case read <= 0:
		return page.Day{Date: day, Class: "unread", Text: "not read"}
	}
	return page.Day{Date: day, Class: "partly", Text: "read in part"}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// warningsOf are the warnings and the failures of the runs, the newest first.
func warningsOf(attempts []*store.Run) page.Section {
	s := page.Section{ID: "warnings", Heading: "What the runs warned of"}
	t := page.Table{Caption: "Warnings and failures, the newest first", Columns: []page.Column{{Head: "Run", Tight: true}, {Head: "What"}, {Head: "Message", Long: true}}}
	for _, r := range slices.Backward(attempts) {
		run := fmt.Sprintf("run %d", r.ID)
		if r.Status != store.Complete {
			t.Rows = append(t.Rows, []any{run, r.Status, r.Error})
		}
		for _, w := range r.Warnings {
			t.Rows = append(t.Rows, []any{run, w.Code, w.Message})
		}
	}
	if len(t.Rows) == 0 {
		s.Text = []string{"Of nothing."}
		return s
	}
	if more := len(t.Rows) - maxRows; more > 0 {
		t.Rows, t.More = t.Rows[:maxRows], fmt.Sprintf("and %d older ones: lictrail runs", more)
	}
	s.Tables = []page.Table{t}
	return s
}

func runsOf(attempts []*store.Run) page.Section {
	t := page.Table{Caption: "Runs, the newest first", Columns: []page.Column{{Head: "Run", Tight: true}, {Head: "Read until", Tight: true}, {Head: "Status"}, {Head: "Users", Number: true},
		{Head: "Licensed", Number: true}, {Head: "Assignments", Number: true}, {Head: "Changes", Number: true}, {Head: "Warnings", Number: true}, {Head: "Audit log"}}}
	for i, r := range slices.Backward(attempts) {
		if len(t.Rows) == maxRows {
			t.More = fmt.Sprintf("and %d older ones: lictrail runs", i+1)
			break
		}
		number := func(n int64, ok bool) any {
			if !ok {
				return nil
			}
			return n
		}
		at := r.ObservedUntil
		if at.IsZero() {
			at = r.StartedAt
		}
		t.Rows = append(t.Rows, []any{fmt.Sprintf("run %d", r.ID), stamp(at), r.Status, number(r.Users.Int64, r.Users.Valid), number(r.LicensedUsers.Int64, r.LicensedUsers.Valid),
			number(r.Assignments.Int64, r.Assignments.Valid), number(r.Changes.Int64, r.Changes.Valid), len(r.Warnings), auditLabel(r)})
	}
	return page.Section{ID: "runs", Heading: "Runs", Tables: []page.Table{t}}
}

func auditLabel(r *store.Run) string {
	switch {
	case r.Audit == nil:
		return "not asked"
	case !r.Audit.Complete:
		return "not in full"
	}
	return fmt.Sprintf("read, %s", out.Plural(r.Audit.Events, "record"))
}
