package snapshot

import (
	"slices"
	"time"
)

// Label is what a seat is charged to from a day on: a department, say.
type Label struct {
	From Day
	Word string
}

// SeatDays counts, for one user and SKU, the days of one month that are charged
// to one label.
type SeatDays struct {
	Month    Day // its first
	Label    string
	Min, Max int
}

// CountSeats divides the days on which a user held a SKU by month and label.
// Min counts the days on which it was held for certain, Max those on which it
// may have been. The labels must be in order of time; a day has the last label
// that begins on it or before, and days before the first label have that one.
func CountSeats(sure, possible []Days, within Days, labels []Label) []SeatDays {
	c := seatCounter{labels: labels}
	c.add(sure, within, func(s *SeatDays, n int) { s.Min += n })
	c.add(possible, within, func(s *SeatDays, n int) { s.Max += n })
	return c.counts
}

type seatCounter struct {
	labels []Label
	counts []SeatDays
}

func (c *seatCounter) add(ranges []Days, within Days, count func(*SeatDays, int)) {
	for _, r := range ranges {
		rest, ok := r.Clip(within)
		for ok {
			label, labelEnd := c.label(rest.From)
			month, monthEnd := monthOf(rest.From)
			end := min(rest.To, labelEnd, monthEnd)
			count(c.at(month, label), int(end-rest.From)+1)
			rest.From = end + 1
			ok = rest.From <= rest.To
		}
	}
}

// label returns the label of a day and the last day that has it.
func (c *seatCounter) label(d Day) (word string, last Day) {
	last = 1 << 30
	for i, l := range c.labels {
		if i > 0 && l.From > d {
			return word, l.From - 1
		}
		word = l.Word
	}
	return word, last
}

func monthOf(d Day) (begins, ends Day) {
	t := d.Time()
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return DayOf(first), DayOf(first.AddDate(0, 1, 0)) - 1
}

func (c *seatCounter) at(month Day, label string) *SeatDays {
	i := slices.IndexFunc(c.counts, func(s SeatDays) bool { return s.Month == month && s.Label == label })
	if i < 0 {
		i = len(c.counts)
		c.counts = append(c.counts, SeatDays{Month: month, Label: label})
	}
	return &c.counts[i]
}
