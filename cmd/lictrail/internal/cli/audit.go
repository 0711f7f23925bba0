package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newAudit(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Which audit evidence is covered and stored",
		Args:  noArgs,
		RunE:  needsCommand,
	}
	coverage := &cobra.Command{
		Use:   "coverage",
		Short: "For which stretches of time the audit log was read",
		Long: `For which stretches of time each log was read without a gap, and why not where
it was not; then what all sources cover together ("any"), with the gaps that
are left. Microsoft keeps the log for 7 days, or 30 with Entra ID P1 or P2;
what was read in time is kept here for good. An export that was imported covers
no time of its own, unless it was imported with --whole.`,
		Example: "  lictrail audit coverage",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAuditCoverage(cmd.Context(), e) },
	}
	var user, since string
	events := formerly(&cobra.Command{
		Use:   "events",
		Short: "The audit records that are stored; use audit search",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runAuditEvents(cmd.Context(), e, user, since) },
	})
	events.Flags().StringVar(&user, "user", "", "only records about this `user`")
	events.Flags().StringVar(&since, "since", "", "only records from this `time` on")
	cmd.AddCommand(newAuditImport(e), newAuditSearch(e), coverage, events)
	return cmd
}

type coverageJSON struct {
	Source   string  `json:"source"`
	From     *string `json:"from"`
	To       *string `json:"to"`
	Complete bool    `json:"complete"`
	Events   int64   `json:"events"`
	Why      *string `json:"why"`
}

// runAuditCoverage shows the stretches, joined where they meet, and the gaps.
func runAuditCoverage(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(n names) error {
		stretches, err := n.h.Coverage(ctx)
		if err != nil {
			return err
		}
		rows := snapshot.JoinCoverage(stretches)
		if len(rows) > 0 {
			rows = append(rows, snapshot.UnionCoverage(stretches, snapshot.CoverageBegin(stretches), coverageEnd(n, stretches))...)
		}
		type row = *snapshot.Coverage
		return listing[row]{
			json: func(c row) any {
				return coverageJSON{string(c.Source), stamp(c.From), stamp(c.To), c.Complete, c.Events, orNull(c.Why)}
			},
			none: "the audit log was never read",
			columns: []column[row]{
				{Column: out.Column{Head: "SOURCE"}, csv: "source", text: func(c row) any { return string(c.Source) }},
				{Column: out.Column{Head: "FROM"}, csv: "from", text: func(c row) any { return coverageTime(c, c.From) }, cell: func(c row) any { return stamp(c.From) }},
				{Column: out.Column{Head: "TO"}, csv: "to", text: func(c row) any { return coverageTime(c, c.To) }, cell: func(c row) any { return stamp(c.To) }},
				{Column: out.Column{Head: "READ"}, csv: "complete", text: func(c row) any { return coveredWord(c) }, cell: func(c row) any { return c.Complete }},
				{Column: out.Column{Head: "EVENTS"}, csv: "events", text: func(c row) any { return eventsOrNil(c) }, cell: func(c row) any { return c.Events }},
				{Column: out.Column{Head: "WHY NOT", Wrap: true}, csv: "why", text: func(c row) any { return dash(c.Why) }, cell: func(c row) any { return c.Why }},
			},
		}.print(e, n, each(rows))
	})
}

// coverageEnd is where the newest run ended, or the last stretch.
func coverageEnd(n names, stretches []snapshot.Coverage) time.Time {
	end := n.h.At.ObservedUntil
	for _, c := range stretches {
		if c.To.After(end) {
			end = c.To
		}
	}
	return end
}

// coverageTime is an end of a stretch, to the minute unless both ends are in one.
func coverageTime(c *snapshot.Coverage, end time.Time) string {
	if c.From.Truncate(time.Minute).Equal(c.To.Truncate(time.Minute)) {
		return end.UTC().Format("2006-01-02 15:04:05.000")
	}
	return minute(end, end)
}

// eventsOrNil is the number of records of a stretch that was read.
func eventsOrNil(c *snapshot.Coverage) any {
	if !c.Complete && c.Events == 0 {
		return nil
	}
	return c.Events
}

func coveredWord(c *snapshot.Coverage) any {
	switch {
	case c.Complete:
		return "yes"
	case c.Source == snapshot.AnySource:
		return out.Cell{Value: "gap", Style: out.Yellow}
	}
	return out.Cell{Value: "no", Style: out.Yellow}
}

type eventJSON struct {
	Source      string  `json:"source"`
	ID          string  `json:"id"`
	At          *string `json:"at"`
	Activity    string  `json:"activity"`
	Correlation *string `json:"correlation_id"`
	Target      *string `json:"target_id"`
	Copy        int     `json:"copy"`
	Raw         rawJSON `json:"raw"`
}

// rawJSON is a record as Microsoft wrote it; null when it was erased.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// runAuditEvents answers as it did before audit search: programs read its fields,
// among them the record as an object.
func runAuditEvents(ctx context.Context, e *env, user, since string) error {
	return withHistory(ctx, e, func(n names) error {
		people, err := n.optionalUsers(ctx, user)
		if err != nil {
			return err
		}
		from, err := parseTime("since", since, e.now(), false)
		if err != nil {
			return err
		}
		rows := n.h.Stored(ctx, store.EventFilter{Users: people, From: from, To: time.Time{}})
		type row = *store.StoredEvent
		return listing[row]{
			json: func(r row) any {
				return eventJSON{string(r.Source), r.ID, stamp(r.At), r.Activity, orNull(r.Correlation), orNull(r.Target), r.Copy, rawJSON(r.Raw)}
			},
			none: "no stored event matches",
			columns: []column[row]{
				{csv: "source", cell: func(r row) any { return string(r.Source) }},
				{Column: out.Column{Head: "AT"}, text: func(r row) any { return r.At.UTC().Format("2006-01-02 15:04:05") }},
				{csv: "at", cell: func(r row) any { return stamp(r.At) }},
				{Column: out.Column{Head: "ACTIVITY", Min: 16, Rank: 3}, csv: "activity", text: func(r row) any { return r.Activity }},
				{Column: out.Column{Head: "USER", Min: 12, Rank: 1}, csv: "target_id", text: func(r row) any { return dash(r.Target) }, cell: func(r row) any { return r.Target }},
				{Column: out.Column{Head: "ID", Min: 12, Rank: 2}, csv: "id", text: func(r row) any { return r.ID }},
				{csv: "correlation_id", cell: func(r row) any { return r.Correlation }},
				{csv: "copy", cell: func(r row) any { return r.Copy }},
			},
		}.print(e, n, rows)
	})
}
