package ask

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// SeatKeys are what seats can be charged to.
var SeatKeys = []string{"department", "sku", "user", "country", "company", "office", "job-title", "employee-type", "usage-location"}

// seatAttribute takes what a key names out of a user's attributes.
var seatAttribute = map[string]func(a *store.AttributeRow) string{
	"department":     func(a *store.AttributeRow) string { return a.Department },
	"country":        func(a *store.AttributeRow) string { return a.Country },
	"company":        func(a *store.AttributeRow) string { return a.Company },
	"office":         func(a *store.AttributeRow) string { return a.Office },
	"job-title":      func(a *store.AttributeRow) string { return a.JobTitle },
	"employee-type":  func(a *store.AttributeRow) string { return a.Type },
	"usage-location": func(a *store.AttributeRow) string { return a.Location },
}

// unread stands for the value of an attribute that no run had read. No value has it:
// Graph refuses control characters.
const unread = "\x00"

// attributeOf takes what a key names out of a user's attributes; nil where it names none.
func attributeOf(key string) func(a *store.AttributeRow) string {
	if !slices.Contains(snapshot.KeptNames, key) {
		return seatAttribute[key]
	}
	return func(a *store.AttributeRow) string {
		value, read := a.Kept.Get(key)
		if !read {
			return unread
		}
		return value
	}
}

// SeatRow is a line of the bill. Days at prices of several currencies, and days
// without a known price, are lines of their own.
type SeatRow struct {
	month            snapshot.Day
	Label            string // what the seats are charged to, or the user's id
	Unread           bool   // no run had read by then what the seats are charged to
	UPN              string
	SKU              snapshot.SKUID
	Users            int
	Min, Max         int
	CostMin, CostMax *reclaim.Money // nil: no price is known
}

// SeatSpan is the days asked for, as far as they are known. Either end may be left
// open. clamped: days that are not known are asked for as well. It is an error if none
// of them is known, for that no seat was held then is not known either.
func SeatSpan(b *Book, since, until time.Time) (within snapshot.Days, clamped bool, err error) {
	known := KnownDays(b)
	asked := known
	if !since.IsZero() {
		asked.From = snapshot.DayOf(since)
	}
	if !until.IsZero() {
		asked.To = snapshot.DayOf(until)
	}
	within, ok := asked.Clip(known)
	if !ok {
		first, last := known.From.Time().Format(time.DateOnly), known.To.Time().Format(time.DateOnly)
		return within, false, refuse(fmt.Sprintf("seats are known from %s to %s, and none of these days was asked for", first, last), "--since "+first+" --until "+last)
	}
	return within, within != asked, nil
}

// KnownDays are the days that the runs cover.
func KnownDays(b *Book) snapshot.Days {
	return snapshot.Days{From: snapshot.DayOf(b.History.First.ObservedAt), To: snapshot.DayOf(b.History.At.ObservedUntil)}
}

// SeatDays adds up the seats of all users, and what they cost at the prices of each
// day.
func SeatDays(ctx context.Context, book *Book, f store.Filter, within snapshot.Days, by string, prices reclaim.Prices) ([]*SeatRow, error) {
	type key struct {
		month           snapshot.Day
		label, currency string
		sku             snapshot.SKUID
	}
	type sum struct {
		*SeatRow
		counted int64 // the user counted last
	}
	sums, rows, last := make(map[key]sum), []*SeatRow(nil), int64(0)
	if attributeOf(by) != nil {
		f.Also |= store.AlsoAttributes
	}
	for holding, err := range book.History.Holdings(ctx, f) {
		if err != nil {
			return nil, err
		}
		if by == "user" && holding.Person.Row != last {
			last = holding.Person.Row
			clear(sums) // nothing is added to another user's rows
		}
		sure, possible := snapshot.HeldDays(holding.Stretches, book.History.At.ObservedAt, book.History.At.ObservedUntil)
		labels, at := pricedLabels(seatLabels(by, holding.Person.ID, holding.About.Attributes), prices, holding.SKU)
		for _, s := range snapshot.CountSeats(sure, possible, within, labels) {
			l := at[s.Label]
			k := key{month: s.Month, label: strings.ToLower(l.word), sku: holding.SKU}
			if l.price != nil {
				k.currency = l.price.Currency
			}
			row, ok := sums[k]
			if !ok {
				row.SeatRow = &SeatRow{month: s.Month, Label: l.word, UPN: holding.Person.UPN, SKU: holding.SKU}
				if l.word == unread {
					row.Label, row.Unread = "", true
				}
				rows = append(rows, row.SeatRow)
			}
			if row.counted != holding.Person.Row { // a user at two prices is one
				row.counted = holding.Person.Row
				row.Users++
				sums[k] = row
			}
			row.Min += s.Min
			row.Max += s.Max
			row.CostMin = plus(row.CostMin, reclaim.SeatDays(l.price, s.Month, s.Min))
			row.CostMax = plus(row.CostMax, reclaim.SeatDays(l.price, s.Month, s.Max))
		}
	}
	slices.SortFunc(rows, func(a, b *SeatRow) int {
		return cmp.Or(cmp.Compare(a.month, b.month), compareLabels(by, a, b), strings.Compare(book.SKULabel(a.SKU), book.SKULabel(b.SKU)),
			cmp.Compare(a.SKU, b.SKU), strings.Compare(a.Currency(), b.Currency()))
	})
	return rows, nil
}

// compareLabels orders rows by what their seats are charged to, whatever the case:
// users by their UPNs.
func compareLabels(by string, a, b *SeatRow) int {
	if by != "user" {
		return strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label))
	}
	return cmp.Or(strings.Compare(strings.ToLower(cmp.Or(a.UPN, a.Label)), strings.ToLower(cmp.Or(b.UPN, b.Label))), strings.Compare(a.Label, b.Label))
}

// Currency is that of the row's price; "" where none is known.
func (r *SeatRow) Currency() string {
	if r.CostMin == nil {
		return ""
	}
	return r.CostMin.Currency
}

func plus(a, b *reclaim.Money) *reclaim.Money {
	if a == nil || b == nil {
		return b
	}
	return &reclaim.Money{Micros: a.Micros + b.Micros, Currency: b.Currency}
}

// SeatCost adds up rows: the cost of what was held for certain, by currency, as a
// lower bound where days have no price.
func SeatCost(rows []*SeatRow) (sure, possible reclaim.Cost) {
	for _, r := range rows {
		if r.CostMin == nil {
			sure.Lower, possible.Lower = sure.Lower || r.Max > 0, possible.Lower || r.Max > 0
			continue
		}
		sure.Add(*r.CostMin)
		possible.Add(*r.CostMax)
	}
	return sure, possible
}

// priced is what seats are charged to, at a price.
type priced struct {
	word  string
	price *reclaim.Money
}

// pricedLabels divides labels where the price of a SKU changes, so that the days of
// one label have one price. The new labels stand for those in the map.
func pricedLabels(labels []snapshot.Label, prices reclaim.Prices, sku snapshot.SKUID) ([]snapshot.Label, map[string]priced) {
	const ever = snapshot.Day(-1 << 30)
	days := []snapshot.Day{ever}
	for i, l := range labels {
		if i > 0 { // days before the first have it as well
			days = append(days, l.From)
		}
	}
	days = append(days, prices.Begins(sku)...)
	slices.Sort(days)
	var divided []snapshot.Label
	at := map[string]priced{}
	for i, day := range slices.Compact(days) {
		p := priced{price: prices.On(sku, day)}
		for k, l := range labels {
			if k == 0 || l.From <= day {
				p.word = l.Word
			}
		}
		name := strconv.Itoa(i)
		for known, other := range at { // the same again is one label
			if other.word == p.word && other.price == p.price {
				name = known
			}
		}
		at[name] = p
		divided = append(divided, snapshot.Label{From: day, Word: name})
	}
	return divided, at
}

// seatLabels lists what a user's seats are charged to, with the day from which each counts.
func seatLabels(by string, id snapshot.UserID, rows []store.AttributeRow) []snapshot.Label {
	if by == "user" {
		return []snapshot.Label{{Word: string(id)}}
	}
	of := attributeOf(by)
	if of == nil {
		return nil
	}
	labels := make([]snapshot.Label, len(rows))
	for i := range rows {
		labels[i] = snapshot.Label{From: snapshot.DayOf(rows[i].Run.ObservedUntil), Word: of(&rows[i])}
	}
	return labels
}

func (r *SeatRow) MonthLabel() string { return r.month.Time().Format("2006-01") }
