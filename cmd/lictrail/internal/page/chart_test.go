package page

import (
	"strings"
	"testing"
)

// TestForecast: a chart goes on at the trend, and says what that comes to.
func TestForecast(t *testing.T) {
	seats := []Seats{{day(0), 10, 20}, {day(7), 12, 20}, {day(14), 14, 20}}
	for _, c := range []struct {
		name     string
		forecast *Forecast
		label    string // of its key; "" for no key
		end      string // below the chart, on the right
	}{
		{"none", nil, "", "16 Mar 2026"},
		{"grows", &Forecast{PerWeek: 2, Until: day(28)}, "trend: about 18 on 2026-03-30", "30 Mar 2026"},
		{"runs out", &Forecast{PerWeek: 2, Until: day(35), RunsOut: true}, "trend: none free on 2026-04-06", "6 Apr 2026"},
		{"falls below none", &Forecast{PerWeek: -20, Until: day(28)}, "trend: about 0 on 2026-03-30", "30 Mar 2026"},
	} {
		t.Run(c.name, func(t *testing.T) {
			chart := SeatChart("c", "E3", seats, c.forecast)
			label, line, texts := "", "", ""
			for _, k := range chart.Keys {
				if k.Class == "forecast" {
					label = k.Label
				}
			}
			for _, s := range chart.Shapes {
				if s.Class == "forecast" {
					line = s.D
				}
				texts += s.Text + "\n"
			}
			if label != c.label || (line != "") != (c.label != "") {
				t.Errorf("the key is %q, the line %q", label, line)
			}
			if !strings.HasSuffix(texts, c.end+"\n") {
				t.Errorf("the chart does not end on %s: %q", c.end, texts)
			}
			if c.label != "" && (!strings.Contains(chart.Desc, "If use goes on like this: ") || chart.Data.More == "") {
				t.Errorf("only eyes are told: %q, %q", chart.Desc, chart.Data.More)
			}
		})
	}
}
