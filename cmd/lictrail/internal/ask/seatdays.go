package ask

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// SeatKeys are what seats can be charged to.
var SeatKeys = []string{"department", "sku", "user", "country"}

// SeatRow is a line of the bill.
type SeatRow struct {
	month    snapshot.Day
	Label    string // department or country, or the user's id
	UPN      string
	SKU      snapshot.SKUID
	Users    int
	Min, Max int
}

// SeatSpan is the days asked for, of those that are known. Either end may be left
// open. late: later days are asked for as well.
func SeatSpan(b *Book, since, until time.Time) (within snapshot.Days, late bool, err error) {
	known := snapshot.Days{From: snapshot.DayOf(b.History.First.ObservedAt), To: snapshot.DayOf(b.History.At.ObservedUntil)}
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
		return within, false, refuse("seats are known from "+from+" to "+to+" only", "--since "+from+" --until "+to)
	}
	return within, asked.To > known.To, nil
}

// SeatDays adds up the seats of all users.
func SeatDays(ctx context.Context, book *Book, f store.Filter, within snapshot.Days, by string) ([]*SeatRow, error) {
	attributes, err := book.History.AttributesByUser(ctx)
	if err != nil {
		return nil, err
	}
	type key struct {
		month snapshot.Day
		label string
		sku   snapshot.SKUID
	}
	sums := make(map[key]*SeatRow)
	for holding, err := range book.History.Holdings(ctx, f) {
		if err != nil {
			return nil, err
		}
		sure, possible := snapshot.HeldDays(holding.Stretches, book.History.At.ObservedAt, book.History.At.ObservedUntil)
		labels := seatLabels(by, holding.Person.ID, attributes[holding.Person.Row])
		for _, s := range snapshot.CountSeats(sure, possible, within, labels) {
			k := key{s.Month, strings.ToLower(s.Label), holding.SKU}
			if sums[k] == nil {
				sums[k] = &SeatRow{month: s.Month, Label: s.Label, UPN: holding.Person.UPN, SKU: holding.SKU}
			}
			sums[k].Users++
			sums[k].Min += s.Min
			sums[k].Max += s.Max
		}
	}
	rows := make([]*SeatRow, 0, len(sums))
	for _, r := range sums {
		rows = append(rows, r)
	}
	words := func(r *SeatRow) []string {
		return []string{r.month.Time().Format(time.DateOnly), strings.ToLower(cmp.Or(r.UPN, r.Label)), book.ShortSKU(r.SKU), r.Label, string(r.SKU)}
	}
	if by != "user" {
		words = func(r *SeatRow) []string {
			return []string{r.month.Time().Format(time.DateOnly), strings.ToLower(r.Label), book.ShortSKU(r.SKU), string(r.SKU)}
		}
	}
	slices.SortFunc(rows, func(a, b *SeatRow) int { return slices.Compare(words(a), words(b)) })
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

func (r *SeatRow) MonthWord() string { return r.month.Time().Format("2006-01") }
