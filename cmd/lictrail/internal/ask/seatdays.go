package ask

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
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
	order            string    // by which rows of a month are sorted
	last             *heldSeat // which was counted last
	Label            string    // what the seats are charged to, or the user's id
	Unread           bool      // no run had read by then what the seats are charged to
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

// Charge is how seats are charged.
type Charge struct {
	By     string // one of [SeatKeys] or of [snapshot.KeptNames]
	Only   string // only what is charged to this, whatever the case; "": all
	Prices reclaim.Prices
}

// SeatDays adds up the seats of all users, and what they cost at the prices of each
// day. Where the rows may be as many as users in each month, they are not kept, but only
// the days on which each user held each SKU: the rows are added up again whenever they
// are iterated over, one month after the other. So the memory that they take hardly
// depends on the length of the history.
func SeatDays(ctx context.Context, book *Book, f store.Filter, within snapshot.Days, c Charge) (iter.Seq[*SeatRow], error) {
	b := bill{Charge: c, within: within, begins: Remember(c.Prices.Begins), label: Remember(book.SKULabel)}
	if attributeOf(c.By) != nil {
		f.Also |= store.AlsoAttributes
	}
	many := c.By == "user" || strings.HasPrefix(c.By, snapshot.KeptExtension)
	sums, user, last := newSums(), (*seatUser)(nil), int64(0)
	for holding, err := range book.History.Holdings(ctx, f) {
		if err != nil {
			return nil, err
		}
		if p := &holding.Person; user == nil || p.Row != last {
			last = p.Row
			user = &seatUser{string(p.ID), p.UPN, strings.ToLower(cmp.Or(p.UPN, string(p.ID))), seatLabels(c.By, holding.About.Attributes)}
		}
		sure, possible := snapshot.HeldDays(holding.Stretches, book.History.At.ObservedAt, book.History.At.ObservedUntil)
		if held := (&heldSeat{user, holding.SKU, sure, possible}); many {
			b.held = append(b.held, held)
		} else {
			b.add(sums, held, within)
		}
	}
	if !many {
		var rows []*SeatRow
		b.take(sums, func(r *SeatRow) bool { rows = append(rows, r); return true })
		return slices.Values(rows), nil
	}
	if c.By == "user" {
		slices.SortFunc(b.held, func(x, y *heldSeat) int {
			return cmp.Or(strings.Compare(x.order, y.order), strings.Compare(x.id, y.id))
		})
	}
	return b.rows, nil
}

// bill is what rows are added up from.
type bill struct {
	Charge
	within snapshot.Days
	held   []*heldSeat // where users are charged, in the order of their rows
	begins func(snapshot.SKUID) []snapshot.Day
	label  func(snapshot.SKUID) string
}

// heldSeat is when a user held a SKU.
type heldSeat struct {
	*seatUser
	sku            snapshot.SKUID
	sure, possible []snapshot.Days
}

type seatUser struct {
	id, upn string
	order   string // where rows of the user stand
	labels  []snapshot.Label
}

// rows adds up the rows, in the order in which they are shown.
func (b *bill) rows(yield func(*SeatRow) bool) {
	sums := newSums()
	for from := b.within.From; from <= b.within.To; {
		t := from.Time()
		next := snapshot.DayOf(time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC))
		month := snapshot.Days{From: from, To: min(b.within.To, next-1)}
		for i, h := range b.held {
			if b.By == "user" && i > 0 && h.id != b.held[i-1].id && !b.take(sums, yield) {
				return
			}
			b.add(sums, h, month)
		}
		if !b.take(sums, yield) {
			return
		}
		from = next
	}
}

// seatSums are rows that are being added up.
type seatSums struct {
	of   map[seatKey]*SeatRow
	rows []*SeatRow // the same, in the order in which they were begun
}

type seatKey struct {
	month           snapshot.Day
	label, currency string
	sku             snapshot.SKUID
}

func newSums() *seatSums { return &seatSums{of: map[seatKey]*SeatRow{}} }

// add adds the days on which a user held a SKU, apart for each price.
func (b *bill) add(sums *seatSums, h *heldSeat, within snapshot.Days) {
	for from := within.From; from <= within.To; {
		days := snapshot.Days{From: from, To: within.To}
		for _, day := range b.begins(h.sku) {
			if day > from {
				days.To = min(days.To, day-1)
			}
		}
		price, currency := b.Prices.On(h.sku, from), ""
		if price != nil {
			currency = price.Currency
		}
		for _, s := range snapshot.CountSeats(h.sure, h.possible, days, h.labels) {
			label, order := s.Label, strings.ToLower(s.Label)
			if b.By == "user" {
				label, order = h.id, h.order
			}
			k := seatKey{s.Month, order, currency, h.sku}
			row := sums.of[k]
			if row == nil {
				row = &SeatRow{month: s.Month, Label: label, order: order, UPN: h.upn, SKU: h.sku}
				if label == unread {
					row.Label, row.order, row.Unread = "", "", true
				}
				sums.of[k], sums.rows = row, append(sums.rows, row)
			}
			if row.last != h { // a user at two prices is one
				row.last = h
				row.Users++
			}
			row.Min += s.Min
			row.Max += s.Max
			row.CostMin = plus(row.CostMin, reclaim.SeatDays(price, s.Month, s.Min))
			row.CostMax = plus(row.CostMax, reclaim.SeatDays(price, s.Month, s.Max))
		}
		from = days.To + 1
	}
}

// take yields the rows, to which nothing is added any more, and begins anew.
func (b *bill) take(sums *seatSums, yield func(*SeatRow) bool) bool {
	slices.SortStableFunc(sums.rows, func(x, y *SeatRow) int {
		return cmp.Or(cmp.Compare(x.month, y.month), strings.Compare(x.order, y.order), strings.Compare(x.Label, y.Label), strings.Compare(b.label(x.SKU), b.label(y.SKU)),
			cmp.Compare(x.SKU, y.SKU), strings.Compare(x.Currency(), y.Currency()))
	})
	for _, row := range sums.rows {
		if (b.Only == "" || strings.EqualFold(row.Label, b.Only)) && !yield(row) {
			return false
		}
	}
	clear(sums.of)
	sums.rows = sums.rows[:0]
	return true
}

// Currency is that of the row's price; "" where none is known.
func (r *SeatRow) Currency() string {
	if r.CostMin == nil {
		return ""
	}
	return r.CostMin.Currency
}

// Priced reports whether any row has a price.
func Priced(rows iter.Seq[*SeatRow]) bool {
	for r := range rows {
		if r.CostMin != nil {
			return true
		}
	}
	return false
}

func plus(a, b *reclaim.Money) *reclaim.Money {
	if a == nil || b == nil {
		return b
	}
	return &reclaim.Money{Micros: a.Micros + b.Micros, Currency: b.Currency}
}

// SeatCost adds up rows: the cost of what was held for certain, by currency, as a
// lower bound where days have no price.
func SeatCost(rows iter.Seq[*SeatRow]) (sure, possible reclaim.Cost) {
	for r := range rows {
		if r.CostMin == nil {
			sure.Lower, possible.Lower = sure.Lower || r.Max > 0, possible.Lower || r.Max > 0
			continue
		}
		sure.Add(*r.CostMin)
		possible.Add(*r.CostMax)
	}
	return sure, possible
}

// seatLabels lists the attributes that a user's seats are charged to, with the day from
// which each counts.
func seatLabels(by string, rows []store.AttributeRow) []snapshot.Label {
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
