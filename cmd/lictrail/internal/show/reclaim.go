package show

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// Reclaim prints a report. Text has only the candidates, unless all is set, and then
// their sum.
func Reclaim(ctx context.Context, p Printer, report *ask.Reclaimed, all bool) error {
	buckets := reclaim.Buckets
	if p.Format == "text" && !all {
		buckets = []reclaim.Bucket{reclaim.Candidate}
	}
	shown, counted := 0, false
	for _, b := range buckets {
		shown, counted = shown+report.Sum.Buckets[b], counted || report.Sum.Counted[b]
	}
	if err := reclaimListing(p.Book, counted).Print(p, report.Rows(ctx, buckets...)); err != nil || p.Format != "text" {
		return err
	}
	lines := sumLines(&report.Sum, p.Book.Unread(p.Command, snapshot.ReadActivity, snapshot.ReadNames))
	if shown > 0 {
		lines = slices.Insert(lines, 0, "")
	}
	for _, l := range lines {
		if err := p.Printf("%s\n", l); err != nil {
			return err
		}
	}
	return nil
}

// sumLines sums up a report in a few lines. Without candidates nothing is said of them
// while some activity has not been read.
func sumLines(s *ask.ReclaimSum, unread bool) []string {
	var lines []string
	if s.Candidates > 0 || len(s.Others) == 0 && !unread {
		line := fmt.Sprintf("%s; %s would become free", Plural(s.Candidates, "candidate"), Plural(s.Frees, "seat"))
		if len(s.Monthly.Amounts) > 0 {
			line += fmt.Sprintf(", %s a month", costText(s.Monthly))
		}
		lines = append(lines, line+".")
	}
	if s.Unpriced > 0 {
		lines = append(lines, fmt.Sprintf("%s without a price; lictrail reclaim --init writes a file for prices.", Plural(s.Unpriced, "seat")))
	}
	if len(s.Idle.Amounts) > 0 {
		lines = append(lines, fmt.Sprintf("Since they went idle these seats have cost %s.", costText(s.Idle)))
	}
	for _, k := range slices.Sorted(maps.Keys(s.Others)) {
		lines = append(lines, fmt.Sprintf("%s %s.", Plural(s.Others[k], "seat"), k))
	}
	if s.Agents > 0 {
		lines = append(lines, fmt.Sprintf("%s of agent users, which cannot sign in: not judged by use.", Plural(s.Agents, "seat")))
	}
	return lines
}

// costText lists the amounts of a cost by currency: "12.00 EUR and 3.00 USD or more".
func costText(c reclaim.Cost) string {
	labels := make([]string, len(c.Amounts))
	for i, m := range c.Amounts {
		labels[i] = m.String()
	}
	text := strings.Join(labels, " and ")
	if c.Lower {
		text += " or more"
	}
	return text
}

// reclaimListing lists seats. counted: some have counts of Copilot, which then get
// columns of the text.
func reclaimListing(b *ask.Book, counted bool) Listing[*reclaim.Row] {
	type row = *reclaim.Row
	since := func(r row) any { return Stamp(r.IdleSince) }
	counts := CopilotColumns(counted, func(r row) *snapshot.CopilotCounts { return r.Counts })
	return Listing[row]{
		JSON: func(r row) any { return ReclaimRow(b, r) },
		None: "no seat to take back",
		Columns: slices.Insert([]Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.User.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return UserLabel(r.User) }, Cell: func(r row) any { return r.User.UPN }},
			{CSV: "name", Cell: func(r row) any { return r.User.Name }},
			{CSV: "department", Cell: func(r row) any { return r.User.Department }},
			{CSV: "company", Cell: func(r row) any { return r.User.Company }},
			{CSV: "country", Cell: func(r row) any { return r.User.Country }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			productColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			{CSV: "paths", Cell: func(r row) any { return reclaimPaths(b, r) }},
			{CSV: "bucket", Cell: func(r row) any { return string(r.Bucket) }},
			{Column: out.Column{Head: "WHY", Min: 10, Rank: 5, Wrap: true}, CSV: "rule", Text: func(r row) any { return reclaimWhy(b, r) }, Cell: func(r row) any { return string(r.Rule) }},
			{CSV: "unknown_why", Cell: func(r row) any { return string(r.Gap) }},
			{CSV: "mark", Cell: func(r row) any { return string(r.Mark) }},
			{CSV: "held_days", Cell: func(r row) any { return r.HeldDays }},
			{Column: out.Column{Head: "IDLE", Right: true, Spare: 1}, CSV: "idle_days", Text: func(r row) any { return intOrNil(r.IdleDays) }},
			{CSV: "idle_since", Cell: since},
			{CSV: "last_activity", Cell: func(r row) any { return lastAt(r) }},
			{CSV: "last_activity_source", Cell: func(r row) any { return lastKind(r) }},
			{CSV: "assigned_since", Cell: func(r row) any { return Stamp(r.Since.At) }},
			{CSV: "assigned_since_not_before", Cell: func(r row) any { return Stamp(r.Since.NotBefore) }},
			{CSV: "assigned_since_precision", Cell: func(r row) any { return string(r.Since.Precision) }},
			{CSV: "action", Cell: func(r row) any { return string(r.Action) }},
			{Column: out.Column{Head: "A MONTH", Right: true}, CSV: "", Text: func(r row) any { return monthlyLabel(r) }},
			{CSV: "frees_seat", Cell: func(r row) any { return r.Frees }},
			{CSV: "monthly_amount", Cell: func(r row) any { return decimalOrNil(r.Monthly) }},
			{CSV: "monthly_currency", Cell: func(r row) any { return currencyOrNil(r.Monthly) }},
			{CSV: "cost_since_idle", Cell: func(r row) any { return costCell(r.SinceIdle) }},
			{CSV: "cost_lower_bound", Cell: func(r row) any { return r.SinceIdle.Lower }},
			{CSV: "excluded_until", Cell: func(r row) any { return excludedUntil(r) }},
			{CSV: "steps", Cell: func(r row) any { return strings.Join(r.Steps, "; ") }},
			{CSV: "follows", Cell: func(r row) any { return strings.Join(r.Follows, "; ") }},
			{CSV: "reason", Cell: func(r row) any { return r.Reason }},
			{CSV: "user_kind", Cell: func(r row) any { return r.User.Kind() }},
			{CSV: "also", Cell: func(r row) any { return joined(r.Also) }},
			{CSV: "contained_in", Cell: func(r row) any {
				if r.By == "" {
					return ""
				}
				return b.PlainSKU(r.By)
			}},
			{Column: out.Column{Head: "HOW", Min: 20, Wrap: true}, CSV: "", Text: func(r row) any { return reclaimHow(r) }},
		}, 19, counts...),
	}
}

// reclaimWhy is the rule and, where it has one, the mark or the gap.
func reclaimWhy(b *ask.Book, r *reclaim.Row) string {
	label := string(r.Rule)
	if r.By != "" && r.Rule == reclaim.Contained {
		label += " in " + b.SKULabel(r.By)
	}
	for _, other := range r.Also {
		label += ", also " + string(other)
	}
	switch {
	case r.Bucket == reclaim.Unknown:
		label = string(r.Gap)
	case r.Bucket == reclaim.Excluded:
		label += ", excluded"
	}
	if r.Mark != "" {
		label += ", " + string(r.Mark)
	}
	return label
}

// reclaimHow lists what to do and what follows.
func reclaimHow(r *reclaim.Row) any {
	labels := append(slices.Clone(r.Steps), r.Follows...)
	if r.Bucket != reclaim.Candidate {
		return r.Reason
	}
	return strings.Join(labels, "; ")
}

func reclaimPaths(b *ask.Book, r *reclaim.Row) string {
	labels := make([]string, len(r.Paths))
	for i := range r.Paths {
		labels[i] = b.PathName(&r.Paths[i].PathRef)
	}
	return strings.Join(labels, " + ")
}

func intOrNil(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func lastAt(r *reclaim.Row) *string {
	if r.Last == nil {
		return nil
	}
	return Stamp(r.Last.At)
}

func lastKind(r *reclaim.Row) string {
	if r.Last == nil {
		return ""
	}
	return string(r.Last.Kind)
}

// monthlyLabel is what the seat costs: nothing that would be saved, an amount, or
// unknown.
func monthlyLabel(r *reclaim.Row) any {
	switch {
	case !r.Frees:
		return nil
	case r.Monthly == nil:
		return "unknown"
	}
	return r.Monthly.String()
}

func decimalOrNil(m *reclaim.Money) any {
	if m == nil {
		return nil
	}
	return out.Decimal(m.Decimal())
}

func currencyOrNil(m *reclaim.Money) any {
	if m == nil {
		return nil
	}
	return m.Currency
}

func costCell(c reclaim.Cost) any {
	if len(c.Amounts) == 0 {
		return nil
	}
	c.Lower = false // has a column of its own
	return costText(c)
}

func excludedUntil(r *reclaim.Row) any {
	if r.Exclusion == nil || r.Exclusion.Until == nil {
		return nil
	}
	return r.Exclusion.Until.Time().Format(time.DateOnly)
}

func ReclaimTotals(b *ask.Book, by string) Listing[*reclaim.Total] {
	type row = *reclaim.Total
	amount := func(t row, micros int64) any {
		if t.Currency == "" {
			return nil
		}
		return out.Decimal(reclaim.Money{Micros: micros, Currency: t.Currency}.Decimal())
	}
	known := func(t row, v any) any {
		if !t.Known() {
			return nil
		}
		return v
	}
	orBlank := func(t row, v any) any {
		if !t.Known() {
			return NotKnown
		}
		return v
	}
	return Listing[row]{
		JSON: func(t row) any { return ReclaimTotal(by, t) },
		None: "no seat is held",
		Columns: []Column[row]{
			{CSV: "by", Cell: func(row) any { return by }},
			{Column: out.Column{Head: strings.ToUpper(strings.ReplaceAll(by, "-", " ")), Min: 14, Rank: 2, Wrap: true}, CSV: "label", Text: func(t row) any { return OrNil(t.Label) }},
			{Column: out.Column{Head: "SEATS"}, CSV: "seats", Text: func(t row) any { return t.Seats }},
			{Column: out.Column{Head: "A MONTH", Right: true}, CSV: "monthly", Text: func(t row) any { return amount(t, t.Monthly) }},
			{Column: out.Column{Head: "TO TAKE BACK", Right: true}, CSV: "reclaimable", Text: func(t row) any { return orBlank(t, t.Reclaimable) }, Cell: func(t row) any { return known(t, t.Reclaimable) }},
			{Column: out.Column{Head: "SAVES A MONTH", Right: true}, CSV: "saving", Text: func(t row) any { return orBlank(t, amount(t, t.Saving)) }, Cell: func(t row) any { return known(t, amount(t, t.Saving)) }},
			{Column: out.Column{Head: "COST SINCE IDLE", Right: true, Spare: 1}, CSV: "since_idle", Text: func(t row) any { return orBlank(t, amount(t, t.SinceIdle)) }, Cell: func(t row) any { return known(t, amount(t, t.SinceIdle)) }},
			{Column: out.Column{Head: "CURRENCY"}, CSV: "currency", Text: func(t row) any { return currencyLabel(t) }, Cell: func(t row) any { return t.Currency }},
			{CSV: "lower_bound", Cell: func(t row) any { return t.Lower }},
			{CSV: "not_judged", Cell: func(t row) any { return t.Unjudged }},
		},
	}
}

// currencyLabel says where a price is missing, and that the label's amounts are
// lower bounds then.
func currencyLabel(t *reclaim.Total) string {
	switch {
	case t.Currency == "":
		return "price unknown"
	case t.Lower:
		return t.Currency + " or more"
	}
	return t.Currency
}

// joined joins words with spaces.
func joined[T ~string](labels []T) string {
	texts := make([]string, len(labels))
	for i, w := range labels {
		texts[i] = string(w)
	}
	return strings.Join(texts, " ")
}
