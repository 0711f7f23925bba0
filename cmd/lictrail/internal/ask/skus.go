package ask

import (
	"context"
	"time"

	"lictrail/snapshot"
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
