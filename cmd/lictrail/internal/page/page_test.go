package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/internal/golden"
)

func day(n int) time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

// sample is a page that has something of everything.
func sample(name string) *Page {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	weeks := []Week{{monday, true, []int64{3, 1}}, {monday.AddDate(0, 0, 7), false, []int64{0, 0}}, {monday.AddDate(0, 0, 14), true, []int64{0, 12}}}
	var seats, small []Seats
	for i, used := range []int64{120, 131, 131, 128, 140, 152} {
		seats = append(seats, Seats{day(7 * i), used, 150 + 50*int64(i/4)})
		small = append(small, Seats{day(7 * i), 1 + int64(i/3), 2000})
	}
	return &Page{
		Title: "Licenses of " + name, Lead: "From 2 to 9 March 2026.",
		Tiles: []Tile{{Figure: "1,234", Label: "licensed users", Section: "seats"}, {Figure: "2", Label: "unexplained", Section: "changes", Alarm: true}, {Figure: "not known", Label: "subscriptions lapsing", Section: "changes", Unknown: true}},
		Sections: []Section{
			{ID: "changes", Heading: "What changed", Text: []string{"16 changes.", name},
				Charts: []Chart{WeekChart("chart-causes", "Changes by week and cause", []Key{{"c0", "admin"}, {"c9", "unknown"}}, weeks),
					BarChart("chart-idle", "Idle cost by department", "Department", "A month", []Bar{{"Sales", "120.00 EUR", 120}, {name, "1,900.00 EUR", 1900}})},
				Tables: []Table{{Caption: "Changes", Columns: []Column{{Head: "User"}, {Head: "When", Tight: true}, {Head: "Idle", Number: true}, {Head: "Explanation", Long: true}},
					Rows: [][]any{{name, day(3), 91, "ada@contoso.example removed it from " + name + "."}, {"bob@contoso.example", nil, int64(12345), ""}},
					More: "and 3 more: lictrail changes"}}},
			{ID: "seats", Heading: "Seats", Small: true, Charts: []Chart{SeatChart("chart-seats-0", "Microsoft 365 E3", seats, &Forecast{PerWeek: 3.5, Until: seats[len(seats)-1].At.AddDate(0, 0, 30), RunsOut: true}), SeatChart("chart-seats-1", name, small[:1], nil), SeatChart("chart-seats-2", "Visio", small, nil)}},
			{ID: "reclaim", Heading: "What can be taken back", Text: []string{"Nothing."}},
		},
		Foot: []string{"Written by lictrail."},
	}
}

// hostile are names that somebody might give themselves.
var hostile = []string{
	`<script>document.title='pwned'</script>`,
	`"><img src=x onerror="document.title='pwned'">`,
	`</title></svg></style><script>document.title='pwned'</script><svg onload=alert(1)>`,
	`' style='background:url(https://evil.example/a)' x='`,
	`<iframe src="https://evil.example/"></iframe><link rel=stylesheet href=https://evil.example/c><base href=https://evil.example/>`,
	`{{.}}</desc><foreignObject><body onload=alert(1)>`,
	"javascript:alert(1)//\u202e\u0000\x1b[31m\ufeff\xff",
	strings.Repeat("W", 300),
}

func render(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	var text bytes.Buffer
	s := out.NewStreams(nil, &text, &text, func(string) string { return "" })
	if err := sample("Contoso").Text(s); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"page.html": render(t, sample("Contoso")), "page.txt": text.String()} {
		path := filepath.Join("testdata", name)
		got = strings.Replace(got, css, "/* page.css */", 1)
		got = strings.Replace(got, html.EscapeString(styleHash()), "sha256-...", 1)
		golden.File(t, path, got)
	}
}

// nodes parses the page as browsers do, and calls do for every node.
func nodes(t *testing.T, page string, do func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		do(n)
	}
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// outline is which elements and attributes a page is made of, in order, without
// the texts.
func outline(t *testing.T, page string) string {
	var b strings.Builder
	nodes(t, page, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		b.WriteString(n.Data)
		for _, a := range n.Attr {
			b.WriteString(" " + a.Key)
		}
		b.WriteString("\n")
	})
	return b.String()
}

// TestHostileNames: whatever a name is, the page has the elements and attributes
// that it has with a tame one, to the last.
func TestHostileNames(t *testing.T) {
	want := outline(t, render(t, sample("Contoso")))
	for _, name := range hostile {
		page := render(t, sample(name))
		if d := cmp.Diff(want, outline(t, page)); d != "" {
			t.Errorf("%q changes the page:\n%s", name, d)
		}
		nodes(t, page, func(n *html.Node) {
			if n.Type == html.TextNode && strings.ContainsAny(n.Data, "\u202e\x00\x1b\ufeff\ufffd") {
				t.Errorf("%q: %q is not made visible", name, n.Data)
			}
		})
	}
}

// loading are attributes by which a page loads or runs something.
var loading = regexp.MustCompile(`^(src|srcset|href|xlink:href|data|poster|background|action|formaction|style|ping|on.*)$`)

// TestNothingLoaded: no script, no address but of the page's own sections, one
// style, whose hash the policy names, and nothing else allowed.
func TestNothingLoaded(t *testing.T) {
	page := render(t, sample("Contoso"))
	policy, style := "", ""
	ids, links := map[string]int{}, []string{}
	nodes(t, page, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		switch n.Data {
		case "script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignobject":
			t.Errorf("the page has a <%s>", n.Data)
		case "style":
			style += textOf(n)
		case "meta":
			if v, _ := attr(n, "http-equiv"); v == "Content-Security-Policy" {
				policy, _ = attr(n, "content")
			}
		}
		for _, a := range n.Attr {
			if a.Key == "id" {
				ids[a.Val]++
			}
			if a.Key == "aria-labelledby" {
				links = append(links, strings.Fields(a.Val)...)
			}
			if !loading.MatchString(a.Key) {
				continue
			}
			if n.Data != "a" || a.Key != "href" || !strings.HasPrefix(a.Val, "#") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			links = append(links, strings.TrimPrefix(a.Val, "#"))
		}
	})
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy %q, want %q", policy, want)
	}
	if regexp.MustCompile(`(?i)url\(|@import|https?:`).MatchString(css) {
		t.Error("the style loads something")
	}
	for _, id := range links {
		if ids[id] != 1 {
			t.Errorf("%d elements have the id %q, want one", ids[id], id)
		}
	}
}

// TestReadable: what a screen reader goes by is there.
func TestReadable(t *testing.T) {
	level := 0
	nodes(t, render(t, sample("Contoso")), func(n *html.Node) {
		first := func(name string) *html.Node {
			for c := range n.ChildNodes() {
				if c.Type == html.ElementNode {
					if c.Data == name {
						return c
					}
					return nil
				}
			}
			return nil
		}
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "html":
			if lang, _ := attr(n, "lang"); lang != "en" {
				t.Errorf("lang %q", lang)
			}
		case regexp.MustCompile(`^h[1-6]$`).MatchString(n.Data):
			next := int(n.Data[1] - '0')
			if next > level+1 {
				t.Errorf("<%s> after a heading of level %d", n.Data, level)
			}
			level = next
		case n.Data == "table":
			if c := first("caption"); c == nil || textOf(c) == "" {
				t.Error("a table has no caption")
			}
		case n.Data == "th":
			if _, ok := attr(n, "scope"); !ok {
				t.Error("a heading of a table has no scope")
			}
		case n.Data == "svg":
			if role, _ := attr(n, "role"); role == "img" && (first("title") == nil || textOf(first("title")) == "") {
				t.Error("a drawing has no title")
			}
		case n.Data == "figure":
			count := map[string]int{}
			for d := range n.Descendants() {
				if d.Type == html.ElementNode && (d.Data != "desc" || textOf(d) != "") {
					count[d.Data]++
				}
			}
			drawings := 0 // beside the colors of the keys
			for d := range n.Descendants() {
				if class, _ := attr(d, "class"); d.Data == "svg" && class != "key" {
					drawings++
				}
			}
			if drawings == 0 || count["desc"] != drawings || count["table"] != 1 {
				t.Errorf("a drawing has no description, or no table behind it: %v", count)
			}
		}
	})
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		highest int64
		want    []int64
	}{
		{1, []int64{0, 1}}, {3, []int64{0, 1, 2, 3}}, {4, []int64{0, 1, 2, 3, 4}}, {5, []int64{0, 2, 4, 6}}, {9, []int64{0, 5, 10}},
		{21, []int64{0, 10, 20, 30}}, {211, []int64{0, 100, 200, 300}}, {1_000_000, []int64{0, 500_000, 1_000_000}},
	} {
		if d := cmp.Diff(c.want, scale(c.highest, 4)); d != "" {
			t.Errorf("scale of %d (-want +got):\n%s", c.highest, d)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
