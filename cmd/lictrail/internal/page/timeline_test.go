package page

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lictrail/internal/golden"
)

func at(n int) Between { return Between{day(n), day(n)} }

func until(from, to int) *Between { return &Between{day(from), day(to)} }

// life is a timeline that has something of everything.
func life(name string) Timeline {
	return Timeline{
		ID: "life", Title: "Licenses of " + name, Tracked: day(0), Until: day(140),
		Keys:   []Key{{"direct", "direct"}, {"group", "by a group"}, {"m9", "unknown"}},
		Unread: []Between{{day(60), day(75)}},
		Tracks: []Track{
			{Name: "Microsoft 365 E3", Lanes: []Lane{
				{Name: "direct", Class: "direct", Spans: []Span{{Begin: Between{NotAfter: day(0)}, End: until(28, 35), Text: "E3, direct"}},
					Others: []Mark{{At: at(21), Class: "theirs", Text: "Microsoft says 2026-03-23"}}},
				{Name: "group " + name, Class: "group", Spans: []Span{{Begin: at(20), End: until(90, 90)}, {Begin: Between{day(91), day(98)}}}},
			}, Marks: []Mark{
				{At: at(20), Number: 1, Class: "m0", Text: "1: added by ada@contoso.example", To: "change/1"},
				{At: Between{day(28), day(35)}, Number: 2, Class: "m9", Text: "2: removed, unknown by whom", To: "change/2"},
				{At: Between{day(91), day(98)}, Number: 3, Class: "m4", Text: "3", To: "change/3"},
				{At: at(97), Number: 4, Class: "m0", Text: "4"},
			}},
			{Name: name, Lanes: []Lane{{Name: "direct", Class: "direct", Spans: []Span{{Begin: at(100), End: until(100, 100)}, {Begin: Between{day(110), day(117)}, End: until(112, 124)}}}}},
		},
		Data: Table{Caption: "Periods", Columns: []Column{{Head: "SKU"}, {Head: "From", Tight: true}}, Rows: [][]any{{"Microsoft 365 E3", day(0)}}},
	}
}

func lifePage(name string) *Page {
	l := life(name)
	return &Page{Title: "Timeline", Sections: []Section{{ID: "life", Heading: "Life", Charts: []Chart{l.Chart(900), l.Chart(360)}}}}
}

func TestTimeline_Golden(t *testing.T) {
	got := render(t, lifePage("Contoso"))
	_, got, _ = strings.Cut(got, "<main")
	got, _, _ = strings.Cut(got, "</main>")
	golden.File(t, filepath.Join("testdata", "timeline.html"), got)
}

// TestTimeline_Hostile: what people call themselves is text in a drawing too.
func TestTimeline_Hostile(t *testing.T) {
	want := outline(t, render(t, lifePage("Contoso")))
	for _, name := range hostile {
		if got := outline(t, render(t, lifePage(name))); got != want {
			t.Errorf("%q changes the page:\n%s", name, got)
		}
	}
}

var rectX = regexp.MustCompile(`<rect class="([^"]*)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"`)

// TestTimeline_Doubt: what is solid is certain, and what is possible is in the
// drawing.
func TestTimeline_Doubt(t *testing.T) {
	tracked, now := day(0), day(100)
	for _, c := range []struct {
		name string
		span Span
		want []string // bars: class, and from and until which day; -: the left edge
	}{
		{"exact", Span{Begin: at(10), End: until(20, 20)}, []string{"direct 10 20"}},
		{"goes on", Span{Begin: at(10)}, []string{"direct 10 100"}},
		{"began within a window", Span{Begin: Between{day(10), day(17)}}, []string{"direct maybe 10 17", "direct 17 100"}},
		{"ended within a window", Span{Begin: at(10), End: until(20, 27)}, []string{"direct 10 20", "direct maybe 20 27"}},
		{"there already", Span{Begin: Between{NotAfter: day(0)}, End: until(20, 20)}, []string{"direct maybe - 0", "direct 0 20"}},
		{"began and ended within one window", Span{Begin: Between{day(10), day(17)}, End: until(10, 17)}, []string{"direct maybe 10 17"}},
		{"may have ended before it is certain to have begun", Span{Begin: Between{day(10), day(17)}, End: until(12, 24)}, []string{"direct maybe 10 17", "direct maybe 17 24"}},
		{"ended at an unknown time", Span{Begin: at(10), End: &Between{NotAfter: day(20)}}, []string{"direct maybe 10 20"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Timeline{ID: "l", Tracked: tracked, Until: now, Tracks: []Track{{Name: "E3", Lanes: []Lane{{Name: "direct", Class: "direct", Spans: []Span{c.span}}}}}}
			chart := l.Chart(1200)
			a := l.axis(gutter, 1200-14)
			var got []string
			for _, s := range chart.Shapes {
				if s.Kind != "rect" {
					continue
				}
				x, _ := strconv.ParseFloat(s.X, 64)
				w, _ := strconv.ParseFloat(s.W, 64)
				got = append(got, s.Class+" "+dayAt(a, x)+" "+dayAt(a, x+w))
			}
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Errorf("drawn: %q, want %q", got, c.want)
			}
		})
	}
}

// dayAt is the day at a place of the drawing; - for its left edge.
func dayAt(a axis, x float64) string {
	if x < a.left+1 {
		return "-"
	}
	for n := range 101 {
		if d := a.x(day(n)) - x; d > -1 && d < 1 {
			return strconv.Itoa(n)
		}
	}
	return "?"
}

// TestTimeline_Axis: the time of tracking has room, whatever was long ago, and
// nothing is drawn outside.
func TestTimeline_Axis(t *testing.T) {
	old := Timeline{ID: "l", Tracked: day(0), Until: day(100), Tracks: []Track{{Name: "E3", Lanes: []Lane{{Class: "direct",
		Spans: []Span{{Begin: Between{NotAfter: day(-3000)}}}}}, Marks: []Mark{{At: at(-3000), Number: 1}, {At: at(100), Number: 2}}}}}
	a := old.axis(0, 1000)
	if share := (a.right - a.x(day(0))) / 1000; !a.cut || share < 0.7 {
		t.Errorf("tracking takes %.2f of the drawing", share)
	}
	none := Timeline{ID: "l", Tracked: day(0), Until: day(0)}
	for _, l := range []Timeline{old, none, {ID: "zero"}} {
		for _, width := range []int{360, 900} {
			c := l.Chart(width)
			for _, m := range rectX.FindAllStringSubmatch(svg(t, c), -1) {
				x, _ := strconv.ParseFloat(m[2], 64)
				w, _ := strconv.ParseFloat(m[3], 64)
				if x < 0 || x+w > float64(width) {
					t.Errorf("a bar from %v to %v of %d", x, x+w, width)
				}
			}
		}
	}
	if rows := old.Tracks[0].rows(a); rows[0] != 0 || rows[1] != 0 {
		t.Errorf("marks apart are in rows %v", rows)
	}
	near := Track{Marks: []Mark{{At: at(99)}, {At: at(99)}, {At: Between{day(0), day(100)}}}}
	if rows := near.rows(a); rows[0] == rows[1] || rows[1] == rows[2] || rows[0] == rows[2] {
		t.Errorf("marks that cover each other are in rows %v", rows)
	}
}

// TestRounds: dates on the axis are as many as there is room for.
func TestRounds(t *testing.T) {
	for _, days := range []int{1, 10, 40, 100, 400, 1500, 6000} {
		for _, most := range []int{3, 8, 20} {
			list := rounds(day(0), day(days), most)
			if len(list) > most {
				t.Errorf("%d dates in %d days, and room for %d", len(list), days, most)
			}
			if days > 40 && len(list) == 0 {
				t.Errorf("no date in %d days", days)
			}
			for _, d := range list {
				if d.Before(day(0)) || d.After(day(days)) || !d.Equal(d.Truncate(24*time.Hour)) {
					t.Errorf("%s in %d days", d, days)
				}
			}
		}
	}
}

func svg(t *testing.T, c Chart) string {
	var b bytes.Buffer
	p := &Page{Sections: []Section{{ID: "x", Charts: []Chart{c}}}}
	if err := p.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
