package reclaim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Money is an amount in one currency, in millionths.
type Money struct {
	Micros   int64
	Currency string // ISO 4217
}

// Decimal writes the amount with two decimals.
func (m Money) Decimal() string {
	cents, sign := m.Micros, ""
	if cents < 0 {
		cents, sign = -cents, "-"
	}
	cents = (cents + 5_000) / 10_000
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// String is the amount and its currency.
func (m Money) String() string { return m.Decimal() + " " + m.Currency }

// Price is what a seat costs a month from a day on.
type Price struct {
	SKU   snapshot.SKUID
	From  snapshot.Day
	Month Money
}

// Prices are the prices that are known.
type Prices []Price

// On returns what a seat costs a month on a day; nil when that is not known.
func (p Prices) On(sku snapshot.SKUID, on snapshot.Day) *Money {
	price, _ := p.at(sku, on)
	return price
}

// Begins lists the days on which another price of a SKU begins, in order.
func (p Prices) Begins(sku snapshot.SKUID) []snapshot.Day {
	var days []snapshot.Day
	for i := range p {
		if p[i].SKU == sku {
			days = append(days, p[i].From)
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// SeatDays is what so many days of one seat cost in a month, at a price a month.
func SeatDays(price *Money, ofMonth snapshot.Day, days int) *Money {
	if price == nil {
		return nil
	}
	begins, ends := month(ofMonth)
	length := int64(ends-begins) + 1
	return &Money{(price.Micros*int64(days) + length/2) / length, price.Currency}
}

// at returns the price on a day and the last day on which it, or its absence,
// holds.
func (p Prices) at(sku snapshot.SKUID, on snapshot.Day) (price *Money, last snapshot.Day) {
	last = 1 << 30
	from := snapshot.Day(-1 << 30)
	for i := range p {
		switch {
		case p[i].SKU != sku:
		case p[i].From > on:
			last = min(last, p[i].From-1)
		case p[i].From >= from:
			from, price = p[i].From, &p[i].Month
		}
	}
	return price, last
}

// Cost is what seats cost over some time. Amounts of different currencies are
// never added.
type Cost struct {
	Amounts []Money // by currency, sorted
	Lower   bool    // for some of the time, or some of the seats, the price is not known
}

// Cost adds up what a seat costs from a day to another, both included. A day
// costs its share of its month.
func (p Prices) Cost(sku snapshot.SKUID, from, to snapshot.Day) Cost {
	var c Cost
	for from <= to {
		price, last := p.at(sku, from)
		begins, ends := month(from)
		end := min(last, ends, to)
		if price == nil {
			c.Lower = true
		} else {
			days := int64(end-from) + 1
			length := int64(ends-begins) + 1
			c.Add(Money{(price.Micros*days + length/2) / length, price.Currency})
		}
		from = end + 1
	}
	return c
}

func month(d snapshot.Day) (begins, ends snapshot.Day) {
	t := d.Time()
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return snapshot.DayOf(first), snapshot.DayOf(first.AddDate(0, 1, 0)) - 1
}

// Add adds an amount to that of its currency.
func (c *Cost) Add(m Money) {
	i, found := slices.BinarySearchFunc(c.Amounts, m, func(a, b Money) int { return cmp.Compare(a.Currency, b.Currency) })
	if !found {
		c.Amounts = slices.Insert(c.Amounts, i, Money{Currency: m.Currency})
	}
	c.Amounts[i].Micros += m.Micros
}

// Seats adds what so many seats of a SKU cost a month, at the price of a day.
func (c *Cost) Seats(prices Prices, sku snapshot.SKUID, on snapshot.Day, seats int64) {
	switch price := prices.On(sku, on); {
	case seats == 0:
	case price == nil:
		c.Lower = true
	default:
		c.Add(Money{price.Micros * seats, price.Currency})
	}
}

// Known reports whether anything is known of the cost.
func (c *Cost) Known() bool { return len(c.Amounts) > 0 || !c.Lower }

// Text are the amounts, as lower bounds where they are; "unknown" where no price is.
func (c *Cost) Text() string {
	if !c.Known() {
		return "unknown"
	}
	parts := make([]string, len(c.Amounts))
	for i, m := range c.Amounts {
		parts[i] = m.String()
	}
	text := strings.Join(parts, " + ")
	switch {
	case c.Lower:
		return "at least " + text
	case text == "":
		return "nothing"
	}
	return text
}

// Total is what the seats with one label cost in one currency.
type Total struct {
	Label       string
	Currency    string // "" for the seats whose price is not known
	Seats       int    // held
	Monthly     int64  // what they cost a month, in millionths
	Reclaimable int    // of these, the candidates that would free a seat
	Saving      int64  // what those cost a month
	SinceIdle   int64  // what those have cost since they went idle
	Unjudged    int    // seats for which no source shows whether they are used
	// Lower: some seats with the label have no price, or had none for some of
	// the time: the amounts are lower bounds.
	Lower bool
}

// Known reports whether the total says anything of seats to take back: there are
// some, or all seats could be judged.
func (t *Total) Known() bool { return t.Reclaimable > 0 || t.Unjudged == 0 }

// Totals adds up seats by label and currency, in order. The same label in
// another case is the same label.
func (r *Report) Totals(label func(*Seat) string) []Total {
	t := NewTotals(label)
	for _, s := range r.Seats {
		t.Add(s)
	}
	return t.List()
}

type totalKey struct{ label, currency string }

// Totals adds up seats by label and currency. The same label in another case is the
// same label.
type Totals struct {
	label func(*Seat) string
	sums  map[totalKey]*Total
}

// NewTotals begins with nothing.
func NewTotals(label func(*Seat) string) *Totals {
	return &Totals{label: label, sums: map[totalKey]*Total{}}
}

// List is what there is so far, in order.
func (t *Totals) List() []Total {
	all := make([]Total, 0, len(t.sums))
	for _, sum := range t.sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b Total) int {
		return cmp.Or(cmp.Compare(fold(a.Label), fold(b.Label)), cmp.Compare(a.Currency, b.Currency))
	})
	unpriced := map[string]bool{}
	for _, sum := range all {
		unpriced[fold(sum.Label)] = unpriced[fold(sum.Label)] || sum.Lower
	}
	for i := range all {
		all[i].Lower = unpriced[fold(all[i].Label)]
	}
	return all
}

func (t *Totals) total(label, currency string) *Total {
	key := totalKey{fold(label), currency}
	if t.sums[key] == nil {
		t.sums[key] = &Total{Label: label, Currency: currency}
	}
	return t.sums[key]
}

// Add counts a seat once, under the currency of today's price. What it cost
// since it went idle goes to the currencies of those days.
func (t *Totals) Add(s *Seat) {
	label := t.label(s)
	var sum *Total
	if s.Monthly == nil {
		sum = t.total(label, "")
		sum.Lower = true
	} else {
		sum = t.total(label, s.Monthly.Currency)
		sum.Monthly += s.Monthly.Micros
	}
	sum.Seats++
	if s.Row != nil && s.Row.Bucket == Unknown {
		sum.Unjudged++
	}
	if s.Row == nil || s.Row.Bucket != Candidate || !s.Row.Frees {
		return
	}
	sum.Reclaimable++
	if s.Monthly != nil {
		sum.Saving += s.Monthly.Micros
	}
	sum.Lower = sum.Lower || s.Row.SinceIdle.Lower
	for _, m := range s.Row.SinceIdle.Amounts {
		t.total(label, m.Currency).SinceIdle += m.Micros
	}
}

func fold(s string) string { return strings.ToLower(s) }
