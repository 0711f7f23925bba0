package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
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
		stretches, err := n.History.Coverage(ctx)
		if err != nil {
			return err
		}
		rows := snapshot.JoinCoverage(stretches)
		if len(rows) > 0 {
			rows = append(rows, snapshot.UnionCoverage(stretches, snapshot.CoverageBegin(stretches), coverageEnd(n, stretches))...)
		}
		type row = *snapshot.Coverage
		return show.Listing[row]{
			JSON: func(c row) any {
				return coverageJSON{string(c.Source), show.Stamp(c.From), show.Stamp(c.To), c.Complete, c.Events, show.OrNull(c.Why)}
			},
			None: "the audit log was never read",
			Columns: []show.Column[row]{
				{Column: out.Column{Head: "SOURCE"}, CSV: "source", Text: func(c row) any { return string(c.Source) }},
				{Column: out.Column{Head: "FROM"}, CSV: "from", Text: func(c row) any { return coverageTime(c, c.From) }, Cell: func(c row) any { return show.Stamp(c.From) }},
				{Column: out.Column{Head: "TO"}, CSV: "to", Text: func(c row) any { return coverageTime(c, c.To) }, Cell: func(c row) any { return show.Stamp(c.To) }},
				{Column: out.Column{Head: "READ"}, CSV: "complete", Text: func(c row) any { return coveredWord(c) }, Cell: func(c row) any { return c.Complete }},
				{Column: out.Column{Head: "EVENTS"}, CSV: "events", Text: func(c row) any { return eventsOrNil(c) }, Cell: func(c row) any { return c.Events }},
				{Column: out.Column{Head: "WHY NOT", Wrap: true}, CSV: "why", Text: func(c row) any { return show.Dash(c.Why) }, Cell: func(c row) any { return c.Why }},
			},
		}.Print(e.printer(n), show.Each(rows))
	})
}

// coverageEnd is where the newest run ended, or the last stretch.
func coverageEnd(n names, stretches []snapshot.Coverage) time.Time {
	end := n.History.At.ObservedUntil
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
		people, err := n.OptionalUsers(ctx, user)
		if err != nil {
			return err
		}
		from, err := parseTime("since", since, e.now(), false)
		if err != nil {
			return err
		}
		rows := n.History.Stored(ctx, store.EventFilter{Users: people, From: from, To: time.Time{}})
		type row = *store.StoredEvent
		return show.Listing[row]{
			JSON: func(r row) any {
				return eventJSON{string(r.Source), r.ID, show.Stamp(r.At), r.Activity, show.OrNull(r.Correlation), show.OrNull(r.Target), r.Copy, rawJSON(r.Raw)}
			},
			None: "no stored event matches",
			Columns: []show.Column[row]{
				{CSV: "source", Cell: func(r row) any { return string(r.Source) }},
				{Column: out.Column{Head: "AT"}, Text: func(r row) any { return r.At.UTC().Format("2006-01-02 15:04:05") }},
				{CSV: "at", Cell: func(r row) any { return show.Stamp(r.At) }},
				{Column: out.Column{Head: "ACTIVITY", Min: 16, Rank: 3}, CSV: "activity", Text: func(r row) any { return r.Activity }},
				{Column: out.Column{Head: "USER", Min: 12, Rank: 1}, CSV: "target_id", Text: func(r row) any { return show.Dash(r.Target) }, Cell: func(r row) any { return r.Target }},
				{Column: out.Column{Head: "ID", Min: 12, Rank: 2}, CSV: "id", Text: func(r row) any { return r.ID }},
				{CSV: "correlation_id", Cell: func(r row) any { return r.Correlation }},
				{CSV: "copy", Cell: func(r row) any { return r.Copy }},
			},
		}.Print(e.printer(n), rows)
	})
}
