package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type reportOptions struct {
	since, until, rules string
}

func newReport(e *env) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "The week on one page, to look at",
		Long: `One self-contained HTML page on what changed between two runs, and why: charts
of seats, changes and idle cost, what is unexplained, which groups fail, what
lapses, what can be taken back, and how far all of it can be trusted. It needs
no script, loads nothing, and can be mailed, printed or read on a phone.

It covers what the newest run showed since the one a week before. With --since
and --until it compares other runs: the newest that had ended by each time.

--format text prints the same without charts, for a mail.`,
		Example: `  lictrail report --output week.html
  lictrail report --since 2026-03-01 --until 2026-03-31 --output march.html
  lictrail report --format text`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: "html", noFormats: "json,csv"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("format") {
				e.format = "html"
			}
			return runReport(cmd.Context(), e, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "compare with the newest run by this `time` (default: a week before)")
	f.StringVar(&o.until, "until", "", "up to the newest run by this `time`")
	f.StringVar(&o.rules, "rules", "", "`file` of rules and prices (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runReport(ctx context.Context, e *env, o reportOptions) error {
	if e.format == "html" && e.OutTTY {
		return usage("the page is not for a terminal", "lictrail report --output week.html, or --format text")
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	if _, _, err := parseSpan(o.since, o.until, e.now()); err != nil {
		return err
	}
	return withHistory(ctx, e, func(n names) error {
		newest := n.History.At
		if err := n.asOf(e, "until", o.until); err != nil {
			return err
		}
		base, err := n.baseOf(e, o.since)
		if err != nil {
			return err
		}
		w := &week{names: n, base: base, rules: file, now: e.now(), past: n.History.At != newest}
		p, err := w.page(ctx)
		if err != nil {
			return err
		}
		if e.format == "html" {
			return p.HTML(e.Out)
		}
		return p.Text(e.Streams)
	})
}

// week is what a report is about: what runs showed after one run, up to the
// one that the history is asked about.
type week struct {
	names
	base  *store.Run // nil: there is only the first run
	rules ruleFile
	now   time.Time
	past  bool // there are newer runs

	changes []*store.ChangeRow
	moved   int // changes of Microsoft's dates alone
	skus    []skuWithTrend
	p       *page.Page
}

// baseSlack is how much less than a week may lie between two weekly runs: one
// starts late, or the service is slow.
const baseSlack = 12 * time.Hour

// baseOf is the run to compare with: the newest by a time or, without one, the
// newest that is a week older than the run asked about. It is the first run
// where none is as old, and nil where there is none before.
func (n names) baseOf(e *env, since string) (*store.Run, error) {
	limit := n.History.At.ObservedUntil.AddDate(0, 0, -7).Add(baseSlack)
	if since != "" {
		var err error
		if limit, err = parseTime("since", since, e.now(), false); err != nil {
			return nil, err
		}
	}
	runs := n.History.CompleteRuns()
	runs = runs[:len(runs)-1] // all but the one asked about
	for _, r := range slices.Backward(runs) {
		if !r.ObservedUntil.After(limit) {
			return r, nil
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	if since != "" {
		e.Notef("tracking began on %s; the report begins there", runs[0].ObservedUntil.Format(time.DateOnly))
	}
	return runs[0], nil
}

// sections are the parts of the page, in order.
var sections = []func(*week, context.Context) error{
	(*week).changed, (*week).unexplained, (*week).watching, (*week).failing, (*week).lapsing, (*week).reclaimable, (*week).seats, (*week).trust,
}

func (w *week) page(ctx context.Context) (*page.Page, error) {
	if err := w.load(ctx); err != nil {
		return nil, err
	}
	w.p = &page.Page{Title: "Licenses of " + tenantWord(w.History.Tenant), Lead: w.lead()}
	w.tile(fmt.Sprint(w.History.At.LicensedUsers.Int64), "licensed users", "seats", false)
	for _, add := range sections {
		if err := add(w, ctx); err != nil {
			return nil, err
		}
	}
	w.p.Foot = []string{
		fmt.Sprintf("Written by lictrail %s on %s UTC from what its runs have kept. lictrail reads the tenant and never writes to it.",
			version(), w.now.UTC().Format("2 January 2006 15:04")),
		w.namesWords(),
	}
	return w.p, nil
}

// namesWords says to whom the page may go.
func (w *week) namesWords() string {
	if w.History.Pseudonymous() {
		return "People go by pseudonyms, the same in every report from this database. Departments, groups and applications keep their names."
	}
	return "It names people: pass it on only to those who may know who has which license."
}

// load reads what several sections show.
func (w *week) load(ctx context.Context) error {
	var err error
	if w.skus, err = w.skusWithTrend(ctx); err != nil || w.base == nil {
		return err
	}
	for c, err := range w.History.Changes(ctx, store.ChangeFilter{After: w.base.ID, UpTo: w.History.At.ID}) {
		if err != nil {
			return err
		}
		if isDateMove(c.Kind) {
			w.moved++
			continue
		}
		w.changes = append(w.changes, c)
	}
	slices.SortStableFunc(w.changes, func(a, b *store.ChangeRow) int { return rank(a) - rank(b) })
	return nil
}

func (w *week) lead() string {
	if w.base == nil {
		return fmt.Sprintf("The first run, on %s. What it found was there before; changes show from the next run on.", show.DayWords(w.History.At.ObservedUntil))
	}
	return fmt.Sprintf("From %s to %s: what run %d shows since run %d.", show.DayWords(w.base.ObservedUntil), show.DayWords(w.History.At.ObservedUntil), w.History.At.ID, w.base.ID)
}

func (w *week) tile(figure, label, section string, alarm bool) {
	w.p.Tiles = append(w.p.Tiles, page.Tile{Figure: figure, Label: label, Section: section, Alarm: alarm})
}

// unsure is a tile whose figure is not known, or only at least.
func (w *week) unsure(figure, label, section string, alarm bool) {
	w.p.Tiles = append(w.p.Tiles, page.Tile{Figure: figure, Label: label, Section: section, Alarm: alarm, Unknown: true})
}

// knownUpTo words up to when something is known that was not read since.
func (w *week) knownUpTo(what snapshot.Read) string {
	for _, g := range w.Gaps("report") {
		if g.What == what && !g.Since.IsZero() {
			return ", by what was known on " + show.DayWords(g.Since)
		}
	}
	return ""
}

// gapTexts words what the report lacks of some reads.
func (w *week) gapTexts(reads ...snapshot.Read) []string {
	gaps := slices.DeleteFunc(w.Gaps("report"), func(g snapshot.Gap) bool { return !slices.Contains(reads, g.What) })
	return show.GapSentences(gaps)
}

func (w *week) section(s page.Section) { w.p.Sections = append(w.p.Sections, s) }

// noted is for a section that has nothing but sentences.
func (w *week) noted(id, heading string, text ...string) {
	w.section(page.Section{ID: id, Heading: heading, Text: text})
}

// tableOf makes a table of at most so many things.
func tableOf[T any](t page.Table, things []T, limit int, more string, row func(T) []any) page.Table {
	for i, thing := range things {
		if i == limit {
			t.More = fmt.Sprintf("and %d more: %s", len(things)-limit, more)
			break
		}
		t.Rows = append(t.Rows, row(thing))
	}
	return t
}

// sentences joins texts that are not empty.
func sentences(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return strings.TrimSpace(s) == "" })
}
