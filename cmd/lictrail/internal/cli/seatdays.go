package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type seatDaysOptions struct {
	since, until, by, sku string
}

// seatKeys are what seats can be charged to.
var seatKeys = []string{"department", "sku", "user", "country"}

func newSeatDays(e *env) *cobra.Command {
	var o seatDaysOptions
	cmd := &cobra.Command{
		Use:   "seat-days",
		Short: "Seats by month and department, for charging back",
		Long: `Seat-days by month: one for each user, SKU and day in UTC on which the user
held the SKU, be it for a part of the day; two paths to one SKU count once.
They are charged to the department or country that the user had on that day, as
the newest run by then showed it.

MIN counts the days on which the SKU was held for certain, MAX those on which
it may have been: where no event gives the time of a change, it lies somewhere
between two runs. Charge by MIN not to charge for a day too many. A license
that was there when tracking began counts from the earliest evidence of the
current period on. Nothing is counted before tracking began nor after the
newest run.`,
		Example: `  lictrail seat-days --since 2026-03-01 --until 2026-03-31
  lictrail seat-days --by country --sku SPE_E5 --format csv --output e5.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSeatDays(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "from this `day` on (default: when tracking began)")
	f.StringVar(&o.until, "until", "", "up to and with this `day` (default: that of the newest run)")
	f.StringVar(&o.by, "by", "department", "charge to the `key`: department, sku, user or country")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	return cmd
}

// seatRow is a line of the bill.
type seatRow struct {
	month    snapshot.Day
	label    string // department or country, or the user's id
	upn      string
	sku      snapshot.SKUID
	users    int
	min, max int
}

func runSeatDays(ctx context.Context, e *env, o seatDaysOptions) error {
	return withHistory(ctx, e, func(n names) error {
		if _, err := oneOf("by", []string{o.by}, seatKeys); err != nil {
			return err
		}
		within, err := n.seatSpan(e, o)
		if err != nil {
			return err
		}
		var f store.Filter
		if f.SKUs, err = n.FindSKUs(o.sku); err != nil {
			return err
		}
		rows, err := n.seatRows(ctx, f, within, o.by)
		if err != nil {
			return err
		}
		return n.seatListing(o.by).Print(e.printer(n), rowsOf(rows))
	})
}

// seatSpan is the days asked for, of those that are known.
func (n names) seatSpan(e *env, o seatDaysOptions) (snapshot.Days, error) {
	known := snapshot.Days{From: snapshot.DayOf(n.History.First.ObservedAt), To: snapshot.DayOf(n.History.At.ObservedUntil)}
	since, until, err := parseSpan(o.since, o.until, e.now())
	if err != nil {
		return known, err
	}
	asked := known
	if !since.IsZero() {
		asked.From = snapshot.DayOf(since)
	}
	if !until.IsZero() {
		asked.To = snapshot.DayOf(until)
	}
	within, ok := asked.Clip(known)
	from, to := known.From.Time().Format(time.DateOnly), known.To.Time().Format(time.DateOnly)
	if asked.From < known.From || !ok {
		return within, usage("seats are known from "+from+" to "+to+" only", "--since "+from+" --until "+to)
	}
	if asked.To > known.To {
		e.Notef("the newest run was on %s; later days are not counted", to)
	}
	return within, nil
}

// seatRows adds up the seats of all users.
func (n names) seatRows(ctx context.Context, f store.Filter, within snapshot.Days, by string) ([]*seatRow, error) {
	attributes, err := n.History.AttributesByUser(ctx)
	if err != nil {
		return nil, err
	}
	type key struct {
		month snapshot.Day
		label string
		sku   snapshot.SKUID
	}
	sums := make(map[key]*seatRow)
	for holding, err := range n.History.Holdings(ctx, f) {
		if err != nil {
			return nil, err
		}
		sure, possible := snapshot.HeldDays(holding.Stretches, n.History.At.ObservedAt, n.History.At.ObservedUntil)
		labels := seatLabels(by, holding.Person.ID, attributes[holding.Person.Row])
		for _, s := range snapshot.CountSeats(sure, possible, within, labels) {
			k := key{s.Month, strings.ToLower(s.Label), holding.SKU}
			if sums[k] == nil {
				sums[k] = &seatRow{month: s.Month, label: s.Label, upn: holding.Person.UPN, sku: holding.SKU}
			}
			sums[k].users++
			sums[k].min += s.Min
			sums[k].max += s.Max
		}
	}
	rows := make([]*seatRow, 0, len(sums))
	for _, r := range sums {
		rows = append(rows, r)
	}
	words := func(r *seatRow) []string {
		return []string{r.month.Time().Format(time.DateOnly), strings.ToLower(cmp.Or(r.upn, r.label)), n.ShortSKU(r.sku), r.label, string(r.sku)}
	}
	if by != "user" {
		words = func(r *seatRow) []string {
			return []string{r.month.Time().Format(time.DateOnly), strings.ToLower(r.label), n.ShortSKU(r.sku), string(r.sku)}
		}
	}
	slices.SortFunc(rows, func(a, b *seatRow) int { return slices.Compare(words(a), words(b)) })
	return rows, nil
}

// seatLabels is what a user's seats are charged to as time goes by.
func seatLabels(by string, id snapshot.UserID, rows []store.AttributeRow) []snapshot.Label {
	switch by {
	case "user":
		return []snapshot.Label{{Word: string(id)}}
	case "sku":
		return nil
	}
	labels := make([]snapshot.Label, len(rows))
	for i, a := range rows {
		labels[i] = snapshot.Label{From: snapshot.DayOf(a.Run.ObservedUntil), Word: a.Department}
		if by == "country" {
			labels[i].Word = a.Country
		}
	}
	return labels
}

type seatJSON struct {
	Month      string       `json:"month"`
	By         string       `json:"by"`
	Department *string      `json:"department"`
	Country    *string      `json:"country"`
	User       *string      `json:"user_id"`
	UPN        *string      `json:"upn"`
	SKU        show.SKUJSON `json:"sku"`
	Users      int          `json:"users"`
	Min        int          `json:"seat_days_min"`
	Max        int          `json:"seat_days_max"`
}

func (n names) seatJSON(by string, r *seatRow) seatJSON {
	j := seatJSON{Month: r.monthWord(), By: by, SKU: show.SKU(n.Book, r.sku), Users: r.users, Min: r.min, Max: r.max}
	switch by {
	case "department":
		j.Department = &r.label
	case "country":
		j.Country = &r.label
	case "user":
		j.User, j.UPN = &r.label, show.OrNull(r.upn)
	}
	return j
}

func (r *seatRow) monthWord() string { return r.month.Time().Format("2006-01") }

func (n names) seatListing(by string) show.Listing[*seatRow] {
	type row = *seatRow
	columns := []show.Column[row]{{Column: out.Column{Head: "MONTH"}, CSV: "month", Text: func(r row) any { return r.monthWord() }}}
	switch by {
	case "user":
		columns = append(columns, show.Column[row]{CSV: "user_id", Cell: func(r row) any { return r.label }},
			show.Column[row]{Column: out.Column{Head: "USER", Min: 12, Rank: 2}, CSV: "upn", Text: func(r row) any { return r.upn }})
	case "department", "country":
		columns = append(columns, show.Column[row]{Column: out.Column{Head: strings.ToUpper(by), Min: 10, Rank: 2}, CSV: by,
			Text: func(r row) any { return show.OrNil(r.label) }})
	}
	return show.Listing[row]{
		JSON: func(r row) any { return n.seatJSON(by, r) },
		None: "no seat was held in these days",
		Columns: append(columns,
			show.Column[row]{CSV: "sku_id", Cell: func(r row) any { return string(r.sku) }},
			show.Column[row]{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.sku) }, Cell: func(r row) any { return n.PlainSKU(r.sku) }},
			show.Column[row]{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(r row) any { return r.users }},
			show.Column[row]{Column: out.Column{Head: "MIN"}, CSV: "seat_days_min", Text: func(r row) any { return r.min }},
			show.Column[row]{Column: out.Column{Head: "MAX"}, CSV: "seat_days_max", Text: func(r row) any { return r.max }},
		),
	}
}
