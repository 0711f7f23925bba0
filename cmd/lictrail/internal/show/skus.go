package show

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type SKURowJSON struct {
	SKU           SKUJSON            `json:"sku"`
	Status        string             `json:"status"`
	Prepaid       snapshot.Units     `json:"prepaid"`
	Consumed      int64              `json:"consumed"`
	Assigned      int64              `json:"assigned"`
	Available     int64              `json:"available"`
	ServicePlans  int                `json:"service_plans"`
	Subscriptions []SubscriptionJSON `json:"subscriptions"`
	FirstSeen     *string            `json:"first_seen"`
	GoneAt        *string            `json:"gone_at"`
	OverAssigned  int64              `json:"over_assigned"`
	Agents        int64              `json:"agents"` // users of these who are agents
	Trend         *TrendJSON         `json:"trend"`
	Price         *moneyJSON         `json:"price"`        // of a seat a month
	MonthlyCost   *moneyJSON         `json:"monthly_cost"` // of the seats that are bought
	IdleCost      *moneyJSON         `json:"idle_cost"`    // of those of them that nobody holds, a month
}

func skuRow(b *ask.Book, r *ask.SKU) SKURowJSON {
	j := SKURowJSON{
		SKU: SKU(b, r.ID), Status: r.Status, Prepaid: r.Units, Consumed: r.Consumed, Assigned: r.Assigned,
		Available: ask.Available(r.SKURow), ServicePlans: r.Plans, Subscriptions: []SubscriptionJSON{},
	}
	if b.Lacks(snapshot.ReadSubscriptions) {
		j.Subscriptions = nil // not known, rather than none
	}
	for _, s := range r.Bought {
		j.Subscriptions = append(j.Subscriptions, Subscription(s))
	}
	if r.First != nil {
		j.FirstSeen = Stamp(r.First.ObservedUntil)
	}
	j.GoneAt, j.OverAssigned, j.Agents = goneAt(r.SKURow), r.Over(), r.Agents
	if r.Trend != nil {
		j.Trend = &TrendJSON{Runs: r.Trend.Runs, PerWeek: *PerWeek(r.Trend), RunsOut: runsOutDay(r, b.History.At.ObservedUntil)}
	}
	j.Price, j.MonthlyCost, j.IdleCost = Money(r.Price), Money(r.Monthly(r.Paid())), Money(r.Monthly(r.Idle()))
	return j
}

// SKUCosts says what the seats cost together; "" where no price is known.
func SKUCosts(list []ask.SKU) string {
	bought, idle := ask.SKUCost(list)
	if len(bought.Amounts) == 0 {
		return ""
	}
	text := fmt.Sprintf("The seats bought cost %s a month", bought.Text())
	if len(idle.Amounts) > 0 {
		text += fmt.Sprintf(", %s of it for seats that nobody holds", idle.Text())
	}
	if bought.Lower {
		text += ". Of some SKUs no price is known: lictrail reclaim --init writes a file for prices"
	}
	return text + "."
}

// OverText says how many users may lose a license because more seats are in use than there
// are.
func OverText(b *ask.Book, r *ask.SKU) string {
	if r.Over() == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s more in use than there are. Whom Microsoft would take one from cannot be known: it gives no order. Groups give no new ones meanwhile; lictrail groups shows for whom they fail.",
		b.SKULabel(r.ID), Plural(r.Over(), "seat"))
}

// TrendLabel is the trend by the week.
func TrendLabel(s *ask.SKU) any {
	switch {
	case s.To != nil:
		return nil
	case s.Trend == nil:
		return "unknown"
	}
	return signed(s.Trend.PerWeek) + "/week"
}

// signed writes a rate to one decimal, and none as 0.
func signed(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%+.1f", v)
}

// runsOutDay is the day, or null where there is none.
func runsOutDay(s *ask.SKU, at time.Time) *string {
	day, ok := s.RunsOut(at)
	if !ok {
		return nil
	}
	text := day.Time().Format(time.DateOnly)
	return &text
}

// RunsOutLabel is the day, or why there is none.
func RunsOutLabel(s *ask.SKU, at time.Time) any {
	switch day, ok := s.RunsOut(at); {
	case ok && ask.Available(s.SKURow) == 0:
		return "none free"
	case ok:
		return day.Time().Format(time.DateOnly)
	case s.To != nil:
		return nil
	case s.Trend == nil:
		return "unknown"
	}
	return "not in 2 years"
}

// forecastFor is how far the use of seats is drawn ahead, at most: half of the time that
// the trend rests on.
const forecastFor = snapshot.TrendDays / 2 * 24 * time.Hour

// Forecast is what a chart shows of how a SKU's seats go on; nil where that is not known,
// and where none is free already.
func Forecast(s *ask.SKU, at time.Time) *page.Forecast {
	if s.To != nil || s.Trend == nil || ask.Available(s.SKURow) == 0 {
		return nil
	}
	f := &page.Forecast{PerWeek: s.Trend.PerWeek, Until: at.Add(forecastFor)}
	if day, ok := s.RunsOut(at); ok && day.Time().Before(f.Until) && day.Time().After(at) {
		f.Until, f.RunsOut = day.Time(), true
	}
	return f
}

// SKUs shows the SKUs. Text leaves out what is 0 for all of them.
func SKUs(b *ask.Book, list []ask.SKU) Listing[*ask.SKU] {
	type row = *ask.SKU
	at := b.History.At.ObservedUntil
	l := Listing[row]{
		JSON: func(r row) any { return skuRow(b, r) },
		None: "the tenant has no SKU",
		Columns: []Column[row]{
			{CSV: "sku_id", Cell: func(r row) any { return string(r.ID) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.ID }),
			productColumn(b, func(r row) snapshot.SKUID { return r.ID }),
			{Column: out.Column{Head: "STATUS", Spare: 1, Min: 7, Rank: 2, Wrap: true}, CSV: "status", Text: func(r row) any { return StatusLabel(r.SKURow) }, Cell: func(r row) any { return r.Status }},
			{Column: out.Column{Head: "BOUGHT"}, CSV: "enabled", Text: func(r row) any { return r.Units.Enabled }},
			{Column: out.Column{Head: "GRACE", Spare: 4}, CSV: "warning", Text: func(r row) any { return r.Units.Warning }},
			{Column: out.Column{Head: "SUSPENDED"}, CSV: "suspended", Text: func(r row) any { return r.Units.Suspended }},
			{CSV: "locked_out", Cell: func(r row) any { return r.Units.LockedOut }},
			{Column: out.Column{Head: "USED"}, CSV: "consumed", Text: func(r row) any { return r.Consumed }},
			{CSV: "assigned", Cell: func(r row) any { return r.Assigned }},
			{Column: out.Column{Head: "AGENTS", Spare: 6}, CSV: "agents", Text: func(r row) any { return r.Agents }},
			{Column: out.Column{Head: "DIFF", Spare: 5}, CSV: "difference", Text: func(r row) any { return r.Consumed - r.Assigned }},
			{Column: out.Column{Head: "FREE"}, CSV: "available", Text: func(r row) any { return ask.Available(r.SKURow) }},
			{Column: out.Column{Head: "OVER"}, CSV: "over_assigned", Text: func(r row) any { return r.Over() }},
			{Column: out.Column{Head: "TREND", Spare: 3, Right: true}, CSV: "trend_per_week", Text: func(r row) any { return TrendLabel(r) }, Cell: func(r row) any { return PerWeek(r.Trend) }},
			{Column: out.Column{Head: "RUNS OUT", Right: true}, CSV: "runs_out", Text: func(r row) any { return RunsOutLabel(r, at) }, Cell: func(r row) any { return runsOutDay(r, at) }},
			{Column: out.Column{Head: "NEXT", Spare: 2}, CSV: "next_lifecycle_at", Text: func(r row) any { return nextLabel(b, r.SKURow) },
				Cell: func(r row) any { return Stamp(nextLifecycle(r.SKURow)) }},
			{CSV: "gone_at", Cell: func(r row) any { return goneAt(r.SKURow) }},
			{CSV: "first_seen", Cell: func(r row) any { return Stamp(r.First.ObservedUntil) }},
			{Column: out.Column{Head: "A MONTH", Right: true, Spare: 7}, CSV: "monthly_cost", Text: func(r row) any { return priced(r, r.Paid()) }, Cell: func(r row) any { return decimalOrNil(r.Monthly(r.Paid())) }},
			{Column: out.Column{Head: "IDLE A MONTH", Right: true, Spare: 8}, CSV: "idle_cost", Text: func(r row) any { return priced(r, r.Idle()) }, Cell: func(r row) any { return decimalOrNil(r.Monthly(r.Idle())) }},
			{CSV: "price", Cell: func(r row) any { return decimalOrNil(r.Price) }},
			{CSV: "currency", Cell: func(r row) any { return currencyOrNil(r.Price) }},
		},
	}
	money := slices.ContainsFunc(list, func(r ask.SKU) bool { return r.Price != nil })
	for i := range l.Columns {
		c := &l.Columns[i]
		if !money && strings.HasSuffix(c.Head, "A MONTH") {
			c.Text = nil
		}
		if slices.Contains([]string{"GRACE", "SUSPENDED", "AGENTS", "DIFF", "OVER"}, c.Head) && !slices.ContainsFunc(list, func(r ask.SKU) bool { return c.Text(&r) != int64(0) }) {
			c.Text, c.Cell = nil, c.Text
		}
	}
	return l
}

// priced is what seats cost a month, or why there is no figure.
func priced(s *ask.SKU, seats int64) any {
	switch m := s.Monthly(seats); {
	case m != nil:
		return m.String()
	case seats == 0 || s.NoCost:
		return nil
	}
	return "no price"
}

// nextLabel is the day of nextLifecycle, as far as subscriptions were ever read.
func nextLabel(b *ask.Book, r *store.SKURow) any {
	if r.To == nil && b.Lacks(snapshot.ReadSubscriptions) {
		return NotKnown
	}
	return DayOrNil(nextLifecycle(r))
}

func goneAt(r *store.SKURow) *string {
	if r.To == nil {
		return nil
	}
	return Stamp(r.To.ObservedUntil)
}

func StatusLabel(r *store.SKURow) string {
	if r.To != nil {
		return "gone " + r.To.ObservedUntil.Format("2006-01-02")
	}
	return r.Status
}

// nextLifecycle is the soonest date at which a subscription of the SKU changes
// its status unless it is renewed.
func nextLifecycle(r *store.SKURow) (next time.Time) {
	for _, s := range r.Bought {
		if !s.NextLifecycleAt.IsZero() && (next.IsZero() || s.NextLifecycleAt.Before(next)) {
			next = s.NextLifecycleAt
		}
	}
	return next
}
