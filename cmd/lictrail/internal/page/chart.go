package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Chart is a drawing with the figures behind it.
type Chart struct {
	ID            string // of the program's own making, one on a page
	Title         string
	Desc          string // what it shows, for those who cannot see it
	Class         string // "" or of the program's own making
	Form          string // slim or broad; "" for the only one
	Broad         *Chart // the same drawing for a large screen; nil: there is none
	Width, Height int
	Shapes        []Shape
	Natural       bool  // no larger than its own size
	Zoom          *Zoom // nil: one cannot zoom into it
	Keys          []Key
	Data          Table
}

// Zoom is which time lies between which places of a drawing, for a script that
// lets one choose a part of it.
type Zoom struct {
	From, Until int64 // milliseconds since 1970
	Left, Right string
}

// Shape is a part of a drawing: a rect, a path, a text, or a mark, which is a path
// with a text in it. Coordinates and addresses are the program's own, texts may be
// anything.
type Shape struct {
	Kind       string
	Class      string
	X, Y, W, H string
	D          string
	Anchor     string
	Text       string // of a rect or a path it shows when pointed at
	Title      string // of a mark
	To         string // address that a mark leads to
}

// Linked reports whether parts of the drawing lead elsewhere.
func (c Chart) Linked() bool {
	return slices.ContainsFunc(c.Shapes, func(s Shape) bool { return s.To != "" })
}

// Key says what a color means.
type Key struct{ Class, Label string }

// num writes a coordinate.
func num(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", v), "0"), ".")
}

// plot is the field of a chart in which figures are drawn.
type plot struct {
	left, right, top, bottom float64
	max                      float64 // the figure at the top
}

func (p plot) y(v float64) float64 { return p.bottom - (p.bottom-p.top)*v/p.max }

func (c *Chart) rect(class string, x, y, w, h float64, text string) {
	c.Shapes = append(c.Shapes, Shape{Kind: "rect", Class: class, X: num(x), Y: num(y), W: num(w), H: num(h), Text: text})
}

func (c *Chart) path(class, d string) {
	c.Shapes = append(c.Shapes, Shape{Kind: "path", Class: class, D: d})
}

func (c *Chart) text(class, anchor string, x, y float64, text string) {
	c.Shapes = append(c.Shapes, Shape{Kind: "text", Class: class, Anchor: anchor, X: num(x), Y: num(y), Text: text})
}

// scale chooses round figures for the lines across a chart, from 0 to at least
// the highest figure. They are whole: nothing here comes in parts.
func scale(highest int64, lines int) []int64 {
	step := int64(1)
	for step*int64(lines) < highest {
		switch lead := step / int64(math.Pow10(len(fmt.Sprint(step))-1)); lead {
		case 2:
			step = step / 2 * 5
		default: // 1 and 5
			step *= 2
		}
	}
	marks := []int64{0}
	for mark := step; ; mark += step {
		marks = append(marks, mark)
		if mark >= highest {
			return marks
		}
	}
}

// grid draws the lines across, and leaves room for what stands before them.
func (c *Chart) grid(highest int64, top, bottom float64) plot {
	marks := scale(max(highest, 1), 4)
	last := marks[len(marks)-1]
	p := plot{left: 12 + 7.8*float64(len(grouped(last))), right: float64(c.Width) - 8, top: top, bottom: bottom, max: float64(last)}
	for _, m := range marks {
		y := p.y(float64(m))
		c.path("grid", fmt.Sprintf("M%s %sH%s", num(p.left), num(y), num(p.right)))
		c.text("", "end", p.left-6, y+4.5, grouped(m))
	}
	return p
}

// Seats is how many seats there were at a time.
type Seats struct {
	At           time.Time
	Used, Bought int64
}

// Forecast is how the use of seats goes on at its trend.
type Forecast struct {
	PerWeek float64
	Until   time.Time // how far it is drawn
	RunsOut bool      // no seat is free by then
}

// used is how many seats would be in use in the end.
func (f *Forecast) used(last Seats) int64 {
	weeks := f.Until.Sub(last.At).Hours() / (7 * 24)
	return max(0, int64(math.Round(float64(last.Used)+f.PerWeek*weeks)))
}

// text say what it comes to.
func (f *Forecast) text(last Seats) string {
	if f.RunsOut {
		return "none free on " + cell(f.Until)
	}
	return fmt.Sprintf("about %s on %s", grouped(f.used(last)), cell(f.Until))
}

// SeatChart draws seats over time: those in use as a line with its area, those
// bought as a broken one, and where use is going as a dotted one, where f is not nil.
// Between two runs the figure of the first stands.
func SeatChart(id, title string, seats []Seats, f *Forecast) Chart {
	c := SeatChartOf(id, title, seats, f, 340, 180)
	c.Zoom = nil
	return c
}

// SeatChartOf is SeatChart in another size, and one can zoom into it.
func SeatChartOf(id, title string, seats []Seats, f *Forecast, width, height int) Chart {
	c := Chart{ID: id, Title: title, Width: width, Height: height, Data: Table{Caption: title + ": seats by run",
		Columns: []Column{{Head: "Run of"}, {Head: "Used", Number: true}, {Head: "Bought", Number: true}}}}
	var used, bought int64
	for _, s := range seats {
		used, bought = max(used, s.Used), max(bought, s.Bought)
		c.Data.Rows = append(c.Data.Rows, []any{s.At, s.Used, s.Bought})
	}
	first, last := seats[0], seats[len(seats)-1]
	c.Desc = fmt.Sprintf("Seats from %s to %s: used %s at first and %s at last, bought %s at first and %s at last.",
		cell(first.At), cell(last.At), grouped(first.Used), grouped(last.Used), grouped(first.Bought), grouped(last.Bought))
	c.Keys = []Key{{"used", fmt.Sprintf("used: %s", grouped(last.Used))}, {"bought", fmt.Sprintf("bought: %s", grouped(last.Bought))}}
	far := bought > 3*max(used, 1) // a line of use at the very bottom would show nothing
	highest := max(used, bought)
	if far {
		highest = used
		c.Keys[1].Label += ", above the chart"
		c.Desc += " The seats bought lie above what is drawn."
	}
	end := last.At
	if f != nil {
		end, highest = f.Until, max(highest, f.used(last))
		c.Keys = append(c.Keys, Key{"forecast", "trend: " + f.text(last)})
		c.Desc += fmt.Sprintf(" If use goes on like this: %s.", f.text(last))
		c.Data.More = fmt.Sprintf("If use goes on like this: %s.", f.text(last))
	}
	bottom := float64(height) - 30
	p := c.grid(highest, 10, bottom)
	if end.After(first.At) {
		c.Zoom = &Zoom{From: first.At.UnixMilli(), Until: end.UnixMilli(), Left: num(p.left), Right: num(p.right)}
	}
	x := func(t time.Time) float64 {
		if !end.After(first.At) {
			return p.left
		}
		return p.left + (p.right-p.left)*float64(t.Sub(first.At))/float64(end.Sub(first.At))
	}
	line := steps(seats, x, func(s Seats) float64 { return p.y(float64(s.Used)) }, p.right)
	c.path("area", line+fmt.Sprintf("V%sH%sZ", num(p.bottom), num(p.left)))
	if !far {
		c.path("bought", steps(seats, x, func(s Seats) float64 { return p.y(float64(s.Bought)) }, p.right)+"H"+num(p.right))
	}
	c.path("used", line)
	if f != nil {
		c.path("forecast", fmt.Sprintf("M%s %sL%s %s", num(x(last.At)), num(p.y(float64(last.Used))), num(p.right), num(p.y(float64(f.used(last))))))
	}
	c.text("", "start", p.left, bottom+22, first.At.UTC().Format("2 Jan 2006"))
	if end.After(first.At) {
		c.text("", "end", p.right, bottom+22, end.UTC().Format("2 Jan 2006"))
	}
	return c
}

// steps draws figures that stand until the next one.
func steps(seats []Seats, x func(time.Time) float64, y func(Seats) float64, end float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", num(x(seats[0].At)), num(y(seats[0])))
	for _, s := range seats[1:] {
		fmt.Fprintf(&b, "H%sV%s", num(x(s.At)), num(y(s)))
	}
	if len(seats) == 1 {
		fmt.Fprintf(&b, "H%s", num(end))
	}
	return b.String()
}

// Week is what happened in a week, or in another time: a figure for each key. Without
// Known nothing looked, which is not the same as that nothing happened.
type Week struct {
	Monday time.Time // its first day
	Known  bool
	Counts []int64 // by key
}

// columns are what the columns of a chart are called.
type columns struct {
	head string // of the table
	axis string // layout of the times below the columns
	unit string // what each is, before its first day
}

// WeekChart draws a column for every week, its parts above each other.
func WeekChart(id, title string, keys []Key, weeks []Week) Chart {
	return columnChart(id, title, columns{"Week of", "2 Jan", "week of"}, keys, weeks)
}

// MonthChart is WeekChart for months.
func MonthChart(id, title string, keys []Key, months []Week) Chart {
	return columnChart(id, title, columns{"Month from", "Jan 2006", "month from"}, keys, months)
}

func columnChart(id, title string, called columns, keys []Key, weeks []Week) Chart {
	c := Chart{ID: id, Title: title, Keys: keys, Data: Table{Caption: title, Columns: []Column{{Head: called.head}}}}
	for _, k := range keys {
		c.Data.Columns = append(c.Data.Columns, Column{Head: k.Label, Number: true})
	}
	var highest, all int64
	for _, w := range weeks {
		sum := int64(0)
		row := []any{w.Monday}
		for _, n := range w.Counts {
			sum += n
			if w.Known {
				row = append(row, n)
			} else {
				row = append(row, "no run")
			}
		}
		highest, all = max(highest, sum), all+sum
		c.Data.Rows = append(c.Data.Rows, row)
	}
	c.Desc = fmt.Sprintf("%s over %d columns, at most %s in one. The figures follow as a table.", grouped(all), len(weeks), grouped(highest))
	return c.inWidths(560, broadWidth, func(c *Chart) {
		c.Height = 250
		p := c.grid(highest, 10, 216)
		slot := (p.right - p.left) / float64(len(weeks))
		width := min(slot*0.72, 44)
		for i, w := range weeks {
			c.column(p, p.left+slot*(float64(i)+0.5)-width/2, width, called.unit, w)
		}
		every := max(1, int(math.Ceil(float64(len(weeks))*64/(p.right-p.left))))
		for i := len(weeks) - 1; i >= 0; i -= every {
			c.text("", "middle", p.left+slot*(float64(i)+0.5), 238, weeks[i].Monday.Format(called.axis))
		}
	})
}

// broadWidth is that of a drawing over the full width of a page on a large screen.
const broadWidth = 1120

// inWidths draws in two widths, of which a screen shows the one that fits it.
func (c Chart) inWidths(slim, broad int, draw func(*Chart)) Chart {
	other := c
	c.Width, other.Width = slim, broad
	draw(&c)
	draw(&other)
	c.Form, other.Form, other.ID = "slim", "broad", c.ID+"-broad"
	c.Broad = &other
	return c
}

func (c *Chart) column(p plot, x, width float64, unit string, w Week) {
	week := unit + " " + w.Monday.Format(time.DateOnly)
	if !w.Known {
		c.rect("gap", x, p.top, width, p.bottom-p.top, week+": no run")
		return
	}
	y := p.bottom
	for i, n := range w.Counts {
		if n == 0 {
			continue
		}
		h := p.bottom - p.y(float64(n))
		y -= h
		c.rect(c.Keys[i].Class, x, y, width, h, fmt.Sprintf("%s, %s: %s", week, c.Keys[i].Label, grouped(n)))
	}
}

// Bar is one bar: how long, and in which words.
type Bar struct {
	Name   string
	Figure string
	Length int64
}

// maxBars is how many bars are drawn; all are in the table.
const maxBars = 12

// BarChart draws a bar for each, the longest first. Names stand above the
// bars, where there is room for them.
func BarChart(id, title, head, figure string, bars []Bar) Chart {
	bars = slices.Clone(bars)
	slices.SortStableFunc(bars, func(a, b Bar) int { return cmp.Compare(b.Length, a.Length) })
	c := Chart{ID: id, Title: title, Data: Table{Caption: title, Columns: []Column{{Head: head}, {Head: figure, Number: true}}}}
	longest := int64(1)
	for _, b := range bars {
		longest = max(longest, b.Length)
		c.Data.Rows = append(c.Data.Rows, []any{b.Name, b.Figure})
	}
	shown := bars[:min(len(bars), maxBars)]
	c.Desc = fmt.Sprintf("%d bars, the longest first.", len(shown))
	if len(shown) > 0 {
		c.Desc += fmt.Sprintf(" %s has the most: %s.", shown[0].Name, shown[0].Figure)
	}
	if more := len(bars) - len(shown); more > 0 {
		c.Desc += fmt.Sprintf(" %d more are in the table.", more)
	}
	return c.inWidths(480, broadWidth, func(c *Chart) {
		full := float64(c.Width)
		for i, b := range shown {
			y := float64(i) * 44
			c.text("strong", "start", 0, y+15, shorten(b.Name, c.Width/17))
			c.text("", "end", full, y+15, b.Figure)
			c.rect("c0", 0, y+22, max(2, full*float64(b.Length)/float64(longest)), 12, b.Name+": "+b.Figure)
		}
		c.Height = 44 * max(1, len(shown))
	})
}

// shorten cuts a name that a drawing has no room for. The whole of it is in the
// table.
func shorten(name string, letters int) string {
	runes := []rune(name)
	if len(runes) <= letters {
		return name
	}
	return string(runes[:letters-1]) + "…"
}
