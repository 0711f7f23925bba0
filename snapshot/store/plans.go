package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// A user's service plans are kept as a layout, which users with the same SKUs
// share, and the user's own dates. A layout's row is [plan, status, number of
// the date]. Plans whose dates are equal share a number, given in the order of
// the plans, unless that would make a layout that nobody shares: then each plan
// has a number of its own. Dates are packed, four bytes each, or one byte each where
// most of them lie close together; those that are no whole seconds are kept in
// columns and as JSON, as all once were.

// dateColumns is how many dates have a column.
const dateColumns = 3

// noDate stands for the missing date of a plan among packed ones.
const noDate = 1<<32 - 1

// packDates packs dates; ok is false where one is no whole second of 1970 to 2106.
func packDates(dates []time.Time) (packed []byte, ok bool) {
	packed = make([]byte, 0, 4*len(dates))
	for _, at := range dates {
		seconds := at.Unix()
		switch {
		case at.IsZero():
			seconds = noDate
		case seconds < 0 || seconds >= noDate || at.UnixMilli() != 1000*seconds:
			return nil, false
		}
		packed = binary.BigEndian.AppendUint32(packed, uint32(seconds))
	}
	if closer := packClose(packed); closer != nil {
		return closer, true
	}
	return packed, true
}

// Dates that lie close together are kept so: the number of the exact ones; the
// beginnings of three stretches of a minute, and the exact dates, four bytes each;
// then a byte for each date: 64 times the stretch and the second in it, or from 192
// on which exact date, or 255 for none. A byte more stands at the end where the
// length would be that of the other form, which four divides.
const (
	stretches    = 3
	stretchOf    = 64 // seconds
	firstExact   = stretches * stretchOf
	noCloseDate  = 255
	maxExact     = noCloseDate - firstExact
	closeHead    = 1 + 4*stretches
	fewToBeClose = 16 // of fewer dates nothing is to be gained
)

// packClose packs dates that are packed as four bytes each; nil where that would
// not be shorter.
func packClose(packed []byte) []byte {
	n := len(packed) / 4
	if n < fewToBeClose {
		return nil
	}
	at := func(i int) uint32 { return binary.BigEndian.Uint32(packed[4*i:]) }
	sorted := make([]uint32, 0, n)
	for i := range n {
		if at(i) != noDate {
			sorted = append(sorted, at(i))
		}
	}
	slices.Sort(sorted)
	type stretch struct {
		from  uint32
		dates int
	}
	var all []stretch
	for _, s := range sorted {
		if len(all) == 0 || s-all[len(all)-1].from >= stretchOf {
			all = append(all, stretch{from: s})
		}
		all[len(all)-1].dates++
	}
	slices.SortStableFunc(all, func(a, b stretch) int { return b.dates - a.dates })
	all = all[:min(len(all), stretches)]
	out := make([]byte, closeHead, len(packed))
	for i, s := range all {
		binary.BigEndian.PutUint32(out[1+4*i:], s.from)
	}
	exact := map[uint32]byte{}
	codes := make([]byte, n)
	for i := range n {
		s := at(i)
		k := slices.IndexFunc(all, func(in stretch) bool { return s >= in.from && s-in.from < stretchOf })
		switch code, known := exact[s]; {
		case s == noDate:
			codes[i] = noCloseDate
		case k >= 0:
			codes[i] = byte(k*stretchOf) + byte(s-all[k].from)
		case known:
			codes[i] = code
		case len(exact) == maxExact:
			return nil
		default:
			codes[i] = byte(firstExact + len(exact))
			exact[s] = codes[i]
			out = binary.BigEndian.AppendUint32(out, s)
		}
	}
	out[0] = byte(len(exact))
	if out = append(out, codes...); len(out)%4 == 0 {
		out = append(out, 0)
	}
	if len(out) >= len(packed) {
		return nil
	}
	return out
}

// unpackClose is the inverse of packClose. The byte that may stand at the end is read
// as one date more, which no layout asks for.
func unpackClose(packed []byte) ([]time.Time, error) {
	damaged := fmt.Errorf("%w: dates of service plans: %d bytes", engine.ErrDamaged, len(packed))
	if len(packed) < closeHead {
		return nil, damaged
	}
	exact := int(packed[0])
	if len(packed) < closeHead+4*exact {
		return nil, damaged
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint32(packed[1+4*i:])) }
	codes := packed[closeHead+4*exact:]
	dates := make([]time.Time, len(codes))
	for i, code := range codes {
		var seconds int64
		switch n := int(code); {
		case n == noCloseDate:
			continue
		case n < firstExact:
			seconds = at(n/stretchOf) + int64(n%stretchOf)
		case n-firstExact >= exact:
			return nil, damaged
		default:
			seconds = at(stretches + n - firstExact)
		}
		dates[i] = time.Unix(seconds, 0).UTC()
	}
	return dates, nil
}

func unpackDates(packed []byte) ([]time.Time, error) {
	if len(packed)%4 != 0 {
		return unpackClose(packed)
	}
	dates := make([]time.Time, len(packed)/4)
	for i := range dates {
		if seconds := binary.BigEndian.Uint32(packed[4*i:]); seconds != noDate {
			dates[i] = time.Unix(int64(seconds), 0).UTC()
		}
	}
	return dates, nil
}

// dateColumnNames are the columns of dateValues.
var dateColumnNames = []string{"date_0", "date_1", "date_2", "dates", "packed"}

// dateValues are the values of date_0, date_1, date_2, dates and packed.
func dateValues(dates []time.Time) ([]any, error) {
	values := make([]any, dateColumns+2)
	if packed, ok := packDates(dates); ok {
		values[dateColumns+1] = packed
		return values, nil
	}
	for i, at := range dates[:min(len(dates), dateColumns)] {
		values[i] = engine.Millis(at)
	}
	if len(dates) <= dateColumns {
		return values, nil
	}
	rest := make([]any, 0, len(dates)-dateColumns)
	for _, at := range dates[dateColumns:] {
		rest = append(rest, engine.Millis(at))
	}
	text, err := json.Marshal(rest)
	values[dateColumns] = string(text)
	return values, err
}

// storedPlans are a layout and the dates that go with it, as the database has them.
type storedPlans struct {
	id     int64 // of the layout
	layout string
	first  [dateColumns]sql.NullInt64
	rest   sql.NullString
	packed []byte
}

// planColumns are those of storedPlans, of user_plans x and plan_layout l.
const planColumns = "l.id, l.members, x.date_0, x.date_1, x.date_2, x.dates, x.packed"

func (p *storedPlans) into() []any {
	return []any{&p.id, &p.layout, &p.first[0], &p.first[1], &p.first[2], &p.rest, &p.packed}
}

// dates are the user's, by number.
func (p *storedPlans) dates() ([]time.Time, error) {
	if p.packed != nil {
		return unpackDates(p.packed)
	}
	var more []*int64
	if p.rest.Valid {
		if err := json.Unmarshal([]byte(p.rest.String), &more); err != nil {
			return nil, fmt.Errorf("%w: dates of service plans: %w", engine.ErrDamaged, err)
		}
	}
	times := make([]time.Time, dateColumns, dateColumns+len(more))
	for i, at := range p.first {
		times[i] = engine.FromMillis(at)
	}
	for _, at := range more {
		if at == nil {
			times = append(times, time.Time{})
			continue
		}
		times = append(times, time.UnixMilli(*at).UTC())
	}
	return times, nil
}

// planLayouts decodes layouts, each once while it is remembered.
type planLayouts struct {
	planID func(int64) (snapshot.PlanID, error)
	known  map[int64]*parsedLayout
}

// parsedLayout is a layout by its row: plans without dates, and the number of each
// one's date.
type parsedLayout struct {
	text  string
	plans []snapshot.Plan
	slots []int
}

// plans puts a user's plans together.
func (l *planLayouts) plans(p *storedPlans) ([]snapshot.Plan, error) {
	dates, err := p.dates()
	if err != nil {
		return nil, err
	}
	layout := l.known[p.id]
	if layout == nil || layout.text != p.layout {
		if layout, err = l.parse(p.layout); err != nil {
			return nil, err
		}
		if l.known == nil || len(l.known) >= maxLayouts {
			l.known = map[int64]*parsedLayout{}
		}
		l.known[p.id] = layout
	}
	plans := slices.Clone(layout.plans)
	for i, slot := range layout.slots {
		if slot >= len(dates) {
			return nil, fmt.Errorf("%w: service plan %d of %d has no date", engine.ErrDamaged, i+1, len(plans))
		}
		plans[i].AssignedAt = dates[slot]
	}
	return plans, nil
}

func (l *planLayouts) parse(text string) (*parsedLayout, error) {
	var rows [][3]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("%w: service plans: %w", engine.ErrDamaged, err)
	}
	p := &parsedLayout{text, make([]snapshot.Plan, len(rows)), make([]int, len(rows))}
	for i, r := range rows {
		var id int64
		err := errors.Join(json.Unmarshal(r[0], &id), json.Unmarshal(r[1], &p.plans[i].Status), json.Unmarshal(r[2], &p.slots[i]))
		if err != nil || p.slots[i] < 0 {
			return nil, fmt.Errorf("%w: service plan %d of %d: %w", engine.ErrDamaged, i+1, len(rows), err)
		}
		if p.plans[i].ID, err = l.planID(id); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// loadPlans reads a user's plans as they are now.
func (s *Sync) loadPlans(ctx context.Context, user int64) ([]snapshot.Plan, error) {
	var p storedPlans
	err := s.db.sql.QueryRowContext(ctx, "SELECT "+planColumns+` FROM user_plans x JOIN plan_layout l ON l.id = x.layout_id
		WHERE x.user_id = ? AND x.to_run IS NULL`, user).Scan(p.into()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.layouts.planID = func(row int64) (snapshot.PlanID, error) { return s.planID(ctx, row) }
	return s.layouts.plans(&p)
}

// planID looks a plan's row up, once a run.
func (s *Sync) planID(ctx context.Context, row int64) (id snapshot.PlanID, err error) {
	if id, ok := s.plans[row]; ok {
		return id, nil
	}
	err = s.db.sql.QueryRowContext(ctx, "SELECT object_id FROM plan WHERE id = ?", row).Scan(&id)
	if err == nil {
		s.plans[row] = id
	}
	return id, err
}
