package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timeline is what somebody held over time, track by track, and what changed.
// It draws doubt as doubt: the part of a bar in which it may have begun or ended
// is hatched, and a time for which nothing was read is marked.
type Timeline struct {
	ID, Title string
	Tracked   time.Time // when tracking began
	Until     time.Time // up to when things are known
	Tracks    []Track
	Unread    []Between // times for which no log was read
	Keys      []Key     // what the colors of marks mean
	Data      Table
}

// Track is one thing that was held, such as a SKU.
type Track struct {
	Name  string
	Lanes []Lane
	Marks []Mark
}

// Lane is one way in which the thing was held.
type Lane struct {
	Name   string
	Class  string // of its bars
	Spans  []Span
	Others []Mark // dates of others beside ours
}

// Between are two bounds of one moment, the same where it is exact. Without the
// first, nothing says since when.
type Between struct{ NotBefore, NotAfter time.Time }

// Span is one unbroken time.
type Span struct {
	Begin Between
	End   *Between // nil while it goes on
	Text  string
}

// Mark is something that happened.
type Mark struct {
	At     Between
	Number int // that it has in the list beside the drawing; 0: none
	Class  string
	Text   string
	To     string // address
}

// Sizes of the drawing, in its own units: pixels where it is not scaled.
const (
	wide       = 600 // from here on, names of lanes stand before the bars
	gutter     = 190
	nameHeight = 24
	laneHeight = 22
	lineHeight = 17 // of a lane's name above its bars
	barHeight  = 13
	markRadius = 8.5
	markHeight = 22
	hatchStep  = 5
)

// axis is the time that the drawing shows.
type axis struct {
	from, until time.Time
	left, right float64
	cut         bool // things began before it
}

func (a axis) x(t time.Time) float64 {
	if t.Before(a.from) {
		return a.left
	}
	if !t.Before(a.until) {
		return a.right
	}
	return a.left + (a.right-a.left)*float64(t.Sub(a.from))/float64(a.until.Sub(a.from))
}

// Chart draws the timeline at a width. The same picture at two widths serves a
// screen and a phone.
func (t Timeline) Chart(width int) Chart {
	c := Chart{ID: fmt.Sprintf("%s-%d", t.ID, width), Title: t.Title, Width: width, Keys: t.Keys, Data: t.Data, Class: "timeline"}
	left := 6.0
	if width >= wide {
		left = gutter
	}
	a := t.axis(left, float64(width)-14)
	top := 22.0
	heights, bottom := make([]float64, len(t.Tracks)), top
	for i, track := range t.Tracks {
		heights[i] = bottom
		bottom += track.height(a, width)
	}
	c.Height = int(bottom) + 8
	for _, u := range t.Unread {
		if x, to := a.x(u.NotBefore), a.x(u.NotAfter); to > x {
			c.rect("gap", x, top, max(1, to-x), bottom-top, "the audit log was not read from "+cell(u.NotBefore)+" to "+cell(u.NotAfter))
		}
	}
	c.ticks(a, top, bottom, width)
	if !t.Tracked.IsZero() && t.Tracked.After(a.from) {
		c.path("tracked", fmt.Sprintf("M%s %sV%s", num(a.x(t.Tracked)), num(top), num(bottom)))
	}
	for i := range t.Tracks {
		t.Tracks[i].draw(&c, a, heights[i])
	}
	c.Desc = t.describe()
	return c
}

// axis chooses the time to show: from the earliest date on or, where that lies so
// far back that the time of tracking would have no room, from shortly before it.
func (t Timeline) axis(left, right float64) axis {
	from, until := t.Until, t.Until
	for _, at := range t.moments() {
		if !at.IsZero() && at.Before(from) {
			from = at
		}
		if at.After(until) {
			until = at
		}
	}
	tracked := until.Sub(t.Tracked)
	a := axis{from: from, until: until, left: left, right: right}
	if !t.Tracked.IsZero() && tracked > 0 && t.Tracked.Sub(from) > 2*tracked {
		a.from, a.cut = t.Tracked.Add(-tracked/3), true
	}
	if length := a.until.Sub(a.from); length < 24*time.Hour {
		a.from = a.until.Add(-24 * time.Hour)
	} else if !a.cut {
		a.from = a.from.Add(-length / 25) // room for what began at an unknown time before
	}
	return a
}

// moments are all times in the drawing.
func (t Timeline) moments() []time.Time {
	all := []time.Time{t.Tracked}
	add := func(marks []Mark) {
		for _, m := range marks {
			all = append(all, m.At.NotBefore, m.At.NotAfter)
		}
	}
	for _, track := range t.Tracks {
		add(track.Marks)
		for _, l := range track.Lanes {
			add(l.Others)
			for _, s := range l.Spans {
				all = append(all, s.Begin.NotBefore, s.Begin.NotAfter)
				if s.End != nil {
					all = append(all, s.End.NotBefore, s.End.NotAfter)
				}
			}
		}
	}
	return all
}

// describe says in words what is drawn.
func (t Timeline) describe() string {
	names := make([]string, len(t.Tracks))
	for i, track := range t.Tracks {
		names[i] = track.Name
	}
	if len(names) == 0 {
		return "Nothing was held."
	}
	return fmt.Sprintf("Bars over time for %s. Hatched parts are times in which a bar may have begun or ended. All of it follows as a table.", strings.Join(names, ", "))
}

// ticks draws lines down at round dates, with the dates above.
func (c *Chart) ticks(a axis, top, bottom float64, width int) {
	room := (a.right - a.left) / 78
	for _, at := range rounds(a.from, a.until, int(room)) {
		x := a.x(at)
		c.path("grid", fmt.Sprintf("M%s %sV%s", num(x), num(top-4), num(bottom)))
		c.text("", "middle", min(max(x, 30), float64(width)-32), top-8, tickText(at, a))
	}
}

// tickText is a date as short as the axis allows.
func tickText(at time.Time, a axis) string {
	switch length := a.until.Sub(a.from); {
	case length > 3*365*24*time.Hour:
		return at.Format("2006")
	case length > 100*24*time.Hour:
		return at.Format("Jan 2006")
	}
	return at.Format("2 Jan")
}

// rounds are at most so many beginnings of weeks, months or years in a time, as
// many as there is room for.
func rounds(from, until time.Time, most int) []time.Time {
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
	quarter := month.AddDate(0, -int(month.Month()-1)%3, 0)
	year := time.Date(from.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	for _, s := range []struct {
		start               time.Time
		years, months, days int
	}{
		{day, 0, 0, 1}, {monday, 0, 0, 7}, {month, 0, 1, 0}, {quarter, 0, 3, 0}, {year, 0, 6, 0}, {year, 1, 0, 0}, {year, 2, 0, 0}, {year, 5, 0, 0}, {year, 10, 0, 0},
	} {
		var list []time.Time
		for at := s.start; !at.After(until) && len(list) <= most; at = at.AddDate(s.years, s.months, s.days) {
			if !at.Before(from) {
				list = append(list, at)
			}
		}
		if len(list) <= most {
			return list
		}
	}
	return nil
}

func (tr *Track) laneStep(width int) float64 {
	if width >= wide {
		return laneHeight
	}
	return laneHeight + lineHeight
}

func (tr *Track) height(a axis, width int) float64 {
	h := nameHeight + float64(len(tr.Lanes))*tr.laneStep(width) + 8
	if rows := tr.rows(a); len(rows) > 0 {
		h += float64(slices.Max(rows)+1) * markHeight
	}
	return h
}

// rows puts marks that would cover each other into rows below each other.
func (tr *Track) rows(a axis) []int {
	rows := make([]int, len(tr.Marks))
	var ends []float64 // of each row
	order := make([]int, len(tr.Marks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return tr.Marks[i].At.NotAfter.Compare(tr.Marks[j].At.NotAfter) })
	for _, i := range order {
		from, to := tr.reach(a, tr.Marks[i])
		row := slices.IndexFunc(ends, func(end float64) bool { return from > end })
		if row < 0 {
			row, ends = len(ends), append(ends, 0)
		}
		rows[i], ends[row] = row, to+3
	}
	return rows
}

func (tr *Track) reach(a axis, m Mark) (from, to float64) {
	x := tr.place(a, m)
	if from = x - markRadius; !m.At.NotBefore.IsZero() {
		from = min(from, a.x(m.At.NotBefore))
	}
	return from, x + markRadius
}

// place is where a mark's ring is: at the end of the time in which it happened,
// and inside of the drawing.
func (tr *Track) place(a axis, m Mark) float64 {
	return min(max(a.x(m.At.NotAfter), a.left+markRadius), a.right+4)
}

func (tr *Track) draw(c *Chart, a axis, y float64) {
	c.path("rule", fmt.Sprintf("M0 %sH%d", num(y), c.Width))
	c.text("strong", "start", 0, y+17, shorten(tr.Name, c.Width/8))
	y += nameHeight
	for _, l := range tr.Lanes {
		at := y + 15
		if c.Width >= wide {
			c.text("", "start", 12, at, shorten(l.Name, gutter/8))
		} else {
			c.text("", "start", 6, at-2, shorten(l.Name, c.Width/8))
			at += lineHeight
		}
		for _, s := range l.Spans {
			c.span(a, l.Class, s, at-barHeight+2)
		}
		for _, m := range l.Others {
			x := a.x(m.At.NotAfter)
			c.Shapes = append(c.Shapes, Shape{Kind: "path", Class: m.Class, Text: m.Text,
				D: fmt.Sprintf("M%s %sl5 -7h-10Z", num(x), num(at-barHeight+5))})
		}
		y += tr.laneStep(c.Width)
	}
	for i, row := range tr.rows(a) {
		c.mark(a, tr, tr.Marks[i], y+float64(row)*markHeight+markRadius+1)
	}
}

// span draws a bar: what is certain is solid, what may be is hatched.
func (c *Chart) span(a axis, class string, s Span, y float64) {
	sure, end := a.x(s.Begin.NotAfter), a.right
	maybe := end
	if s.End != nil {
		maybe = a.x(s.End.NotAfter)
		end = sure
		if !s.End.NotBefore.IsZero() {
			end = max(sure, a.x(s.End.NotBefore)) // it may have ended as soon as it had begun
		}
	}
	begin := a.left
	if !s.Begin.NotBefore.IsZero() {
		begin = a.x(s.Begin.NotBefore)
	}
	c.hatch(class, begin, sure, y, s.Text)
	if end > sure {
		c.rect(class, sure, y, end-sure, barHeight, s.Text)
	}
	if s.End == nil {
		c.path(class, fmt.Sprintf("M%s %sl9 %sl-9 %sZ", num(a.right), num(y), num(barHeight/2.0), num(barHeight/2.0)))
		return
	}
	c.hatch(class, max(sure, end), maybe, y, s.Text)
	if maybe-begin < 2 { // given and taken at once: it would not be seen
		c.rect(class, begin-1, y, 2, barHeight, s.Text)
	}
}

// hatch draws a frame with lines across, and nothing where there is no doubt.
func (c *Chart) hatch(class string, from, to, y float64, text string) {
	if to-from < 0.5 {
		return
	}
	c.rect(class+" maybe", from, y, to-from, barHeight, text)
	var d strings.Builder
	for x := from - barHeight + hatchStep; x < to; x += hatchStep {
		// A line from the bottom at x to the top at x + barHeight, cut at both ends.
		x1, x2 := max(x, from), min(x+barHeight, to)
		if x2 > x1 {
			fmt.Fprintf(&d, "M%s %sL%s %s", num(x1), num(y+barHeight-(x1-x)), num(x2), num(y+barHeight-(x2-x)))
		}
	}
	c.path(class+" hatch", d.String())
}

func (c *Chart) mark(a axis, tr *Track, m Mark, y float64) {
	x := tr.place(a, m)
	if from := a.x(m.At.NotBefore); !m.At.NotBefore.IsZero() && x-from > markRadius {
		c.path("within "+m.Class, fmt.Sprintf("M%s %sv6m0 -3H%s", num(from), num(y-3), num(x-markRadius)))
	}
	number := ""
	if m.Number > 0 {
		number = fmt.Sprint(m.Number)
	}
	c.Shapes = append(c.Shapes, Shape{Kind: "mark", Class: m.Class, X: num(x), Y: num(y + 3.7), Anchor: "middle",
		D:    fmt.Sprintf("M%s %sa%s %s 0 1 0 %s 0a%[3]s %[3]s 0 1 0 -%[5]s 0Z", num(x-markRadius), num(y), num(markRadius), num(markRadius), num(2*markRadius)),
		Text: cmp.Or(number, "•"), Title: m.Text, To: m.To})
}
