// Package page lays a report out: as one HTML page for people who would rather
// look than read, and as text for mailing. It knows nothing of licenses. What it
// is given may hold anything, names that others chose above all: nothing of it
// may become markup, a script, a style or an address, and the page may load
// nothing from anywhere.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/out"
)

// Page is a report.
type Page struct {
	Title    string
	Lead     string // what it is about, in a sentence
	Tiles    []Tile
	Sections []Section
	Foot     []string
}

// Tile is a figure that stands out. It leads to a section.
type Tile struct {
	Figure  string
	Label   string
	Section string // id of the section
	Alarm   bool   // somebody should look at it
	Unknown bool   // the figure is not known, or known in part
}

// Section is a part of the page under a heading of its own.
type Section struct {
	ID      string // of the program's own making: letters and dashes
	Heading string
	Text    []string // paragraphs
	Charts  []Chart
	Small   bool // charts are small, and stand beside each other
	Links   []Link
	Tables  []Table
}

// Table is rows under a caption. Cells are strings, numbers, times, links, or nil
// for what is not there.
type Table struct {
	ID      string // of the program's own making; "" for none
	Caption string
	Columns []Column
	Rows    [][]any
	More    string // what was left out, and how to see it
	Folded  bool   // shown when asked for, and in print
}

// Link is a cell that leads elsewhere: to an address of the program's own making,
// relative to the page.
type Link struct{ Text, To string }

// Column is a column of a table.
type Column struct {
	Head   string
	Number bool // aligned to the right
	Tight  bool // short words that no line should break, such as dates
	Long   bool // sentences: not in the text, which must stay narrow
}

//go:embed page.css
var css string

// CSS is the style of the page, for servers that give it a file of its own.
func CSS() string { return css }

//go:embed page.html
var source string

// layout is the template. The policy names the hash of the only style, so that
// none but it can apply, and allows nothing else at all.
var layout = template.Must(parse())

func parse() (*template.Template, error) {
	return template.New("page").Funcs(template.FuncMap{
		"cell": cell, "to": to, "safe": out.Safe, "safeLines": safeLines, "style": func() template.CSS { return template.CSS(css) },
	}).Parse(strings.Replace(source, "STYLE-HASH", styleHash(), 1))
}

func styleHash() string {
	sum := sha256.Sum256([]byte(css))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Extend returns a template that may use the parts of a page: "tiles", "sections",
// "section", "chart" and "table". Its texts need the function safe.
func Extend(name, source string) (*template.Template, error) {
	parts, err := parse()
	if err != nil {
		return nil, fmt.Errorf("lay out the page: %w", err)
	}
	return parts.New(name).Parse(source)
}

// HTML writes the page: all or, on an error, nothing.
func (p *Page) HTML(w io.Writer) error {
	var b bytes.Buffer
	if err := layout.Execute(&b, p); err != nil {
		return fmt.Errorf("lay out the page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// cell words a cell for people.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		if v == "" {
			return "–"
		}
		return out.Safe(v)
	case Link:
		return cell(v.Text)
	case int:
		return grouped(int64(v))
	case int64:
		return grouped(v)
	case time.Time:
		return v.UTC().Format(time.DateOnly)
	}
	return out.Safe(fmt.Sprint(v))
}

// safeLines is a text of several lines, each of them safe.
func safeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = out.Safe(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// to is where a cell leads; "" for nowhere.
func to(v any) string {
	link, _ := v.(Link)
	return link.To
}

// grouped writes a number in groups of three digits: 12,345.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Grouped writes a number as the page does, its thousands apart.
func Grouped(n int64) string { return grouped(n) }
