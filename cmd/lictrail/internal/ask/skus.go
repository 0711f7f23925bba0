package ask

import (
	"context"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// SKUs lists the SKUs at the run asked about, with where their seats are going.
func SKUs(ctx context.Context, b *Book) ([]SKU, error) {
	rows, err := b.History.SKUs(ctx)
	if err != nil {
		return nil, err
	}
	points, err := b.History.SeatPoints(ctx)
	if err != nil {
		return nil, err
	}
	agents, err := b.History.AgentSeats(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]SKU, len(rows))
	for i := range rows {
		s := &list[i]
		s.Agents = agents[rows[i].ID]
		s.SKURow, s.Points = &rows[i], points[rows[i].ID]
		if s.To != nil {
			continue // there is no going on with what is gone
		}
		counts := make([]snapshot.SeatCount, len(s.Points))
		for k, p := range s.Points {
			counts[k] = snapshot.SeatCount{At: p.Run.ObservedUntil, Used: p.Consumed}
		}
		s.Trend = snapshot.SeatTrend(counts)
	}
	return list, nil
}

// SKU is a SKU's seats now and up to now.
type SKU struct {
	*store.SKURow
	Points []store.SeatPoint
	Agents int64           // agent users who hold it
	Trend  *snapshot.Trend // nil: not known
	Price  *reclaim.Money  // of a seat a month; nil: not known
	NoCost bool            // free, viral or a trial
}

// PriceSKUs gives SKUs the prices of the day of the run that is asked about.
func PriceSKUs(b *Book, list []SKU, file Rules) error {
	prices, err := Prices(b.Named(), file)
	if err != nil {
		return err
	}
	on := snapshot.DayOf(b.History.At.ObservedUntil)
	for i := range list {
		list[i].Price, list[i].NoCost = prices.On(list[i].ID, on), costsNothing(b, list[i].SKURow)
	}
	return nil
}

// Paid are the seats that are paid for.
func (s *SKU) Paid() int64 {
	if s.To != nil {
		return 0
	}
	return s.Units.Enabled
}

// Idle are the seats that are paid for and that nobody holds.
func (s *SKU) Idle() int64 { return max(0, s.Paid()-s.Consumed) }

// Monthly is what so many seats cost a month; nil where the price is not known.
func (s *SKU) Monthly(seats int64) *reclaim.Money {
	if s.Price == nil {
		return nil
	}
	return &reclaim.Money{Micros: s.Price.Micros * seats, Currency: s.Price.Currency}
}

// SKUCost is what the seats of SKUs cost a month, and those of them that nobody holds.
// Currencies stay apart; both are lower bounds where a price is missing.
func SKUCost(list []SKU) (bought, idle reclaim.Cost) {
	add := func(c *reclaim.Cost, s *SKU, seats int64) {
		switch m := s.Monthly(seats); {
		case seats == 0 || s.NoCost && m == nil:
		case m == nil:
			c.Lower = true
		default:
			c.Add(*m)
		}
	}
	for i := range list {
		add(&bought, &list[i], list[i].Paid())
		add(&idle, &list[i], list[i].Idle())
	}
	return bought, idle
}

// RunsOut is when the seats are gone at the trend; false when the trend does
// not say.
func (s *SKU) RunsOut(at time.Time) (snapshot.Day, bool) {
	if s.Trend == nil || s.Units.Enabled+s.Units.Warning == 0 {
		return 0, false
	}
	return s.Trend.RunsOut(at, Available(s.SKURow))
}

// Over is how many more seats are in use than there are.
func (s *SKU) Over() int64 {
	if s.To != nil {
		return 0
	}
	return max(0, s.Consumed-s.Units.Enabled-s.Units.Warning)
}

// OverAssigned is how many seats more are in use than there are, over all SKUs.
func OverAssigned(list []SKU) int64 {
	var over int64
	for i := range list {
		over += list[i].Over()
	}
	return over
}
