package page

import (
	"fmt"
	"time"
)

// Day is a square of a calendar: its color says how far something was done on it.
type Day struct {
	Date  time.Time // its beginning in UTC
	Class string
	Text  string
}

// Sizes of a calendar, in its own units.
const (
	square     = 13.0
	squareStep = 16.0
)

// CalendarChart draws a square for every day, a column for every week from Monday
// on, at most so many weeks, the newest. The days must follow each other.
func CalendarChart(id, title string, days []Day, keys []Key, weeks int) Chart {
	c := Chart{ID: id, Title: title, Keys: keys, Data: Table{Caption: title, Columns: []Column{{Head: "From", Tight: true}, {Head: "To", Tight: true}, {Head: "State"}}}}
	if len(days) == 0 {
		return c
	}
	c.Data.Rows = stretches(days)
	if most := weeks * 7; len(days) > most {
		days = days[len(days)-most:]
	}
	first := days[0].Date.AddDate(0, 0, -weekday(days[0].Date))
	columns := 0
	left, top, month := 34.0, 20.0, time.Month(0)
	for _, d := range days {
		column := int(d.Date.Sub(first) / (7 * 24 * time.Hour))
		columns = max(columns, column+1)
		x, y := left+float64(column)*squareStep, top+float64(weekday(d.Date))*squareStep
		c.rect(d.Class, x, y, square, square, d.Date.Format("Mon 2 January 2006")+": "+d.Text)
		if d.Date.Month() != month && d.Date.Day() <= 7 {
			c.text("", "start", x, 12, d.Date.Format("Jan"))
			month = d.Date.Month()
		}
	}
	for row, name := range []string{"Mon", "", "Wed", "", "Fri", "", "Sun"} {
		if name != "" {
			c.text("", "end", left-6, top+float64(row)*squareStep+10.5, name)
		}
	}
	c.Width, c.Height = int(left+float64(columns)*squareStep)+4, int(top+7*squareStep)+2
	c.Class, c.Natural = "calendar", true
	c.Desc = fmt.Sprintf("A square for each day from %s to %s. What it shows follows as a table.", cell(days[0].Date), cell(days[len(days)-1].Date))
	return c
}

// stretches joins days that are alike, in words.
func stretches(days []Day) [][]any {
	var rows [][]any
	for i, d := range days {
		if i > 0 && d.Text == days[i-1].Text {
			rows[len(rows)-1][1] = d.Date
			continue
		}
		rows = append(rows, []any{d.Date, d.Date, d.Text})
	}
	return rows
}

// weekday counts from Monday, 0.
func weekday(t time.Time) int { return (int(t.Weekday()) + 6) % 7 }
