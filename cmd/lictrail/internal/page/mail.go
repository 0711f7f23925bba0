package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"unicode/utf8"

	"lictrail/cmd/lictrail/internal/out"
)

// A mail is read by programs that take little: Outlook lays HTML out as Word does. It
// has tables, styles within its elements, and no picture.

//go:embed mail.html
var mailSource string

var mailLayout = template.Must(template.New("page").Funcs(template.FuncMap{"cell": cell, "safe": out.Safe, "tileRows": tileRows}).Parse(mailSource))

// tilesAcross is how many tiles of a mail stand beside each other.
const tilesAcross = 4

func tileRows(tiles []Tile) [][]Tile { return slices.Collect(slices.Chunk(tiles, tilesAcross)) }

// Mail writes the page as the HTML of a mail: all or, on an error, nothing.
func (p *Page) Mail(w io.Writer) error {
	var b bytes.Buffer
	if err := mailLayout.ExecuteTemplate(&b, "mail", p); err != nil {
		return fmt.Errorf("lay out the mail: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

const (
	briefText = 600 // characters of a paragraph
	briefCell = 160 // of a cell
)

// Brief is the page in short: no charts, so many rows of each table and paragraphs of
// each section at most. Where says how to see what was left out.
func (p *Page) Brief(rows int, where string) *Page {
	short := &Page{Title: p.Title, Lead: p.Lead, Tiles: p.Tiles, Foot: p.Foot}
	for _, s := range p.Sections {
		brief := Section{ID: s.ID, Heading: s.Heading}
		for i, text := range s.Text {
			if i == rows && len(s.Text) > rows+1 {
				brief.Text = append(brief.Text, fmt.Sprintf("and %s more %s", grouped(int64(len(s.Text)-rows)), where))
				break
			}
			brief.Text = append(brief.Text, clip(text, briefText))
		}
		for _, t := range s.Tables {
			brief.Tables = append(brief.Tables, t.brief(rows, where))
		}
		short.Sections = append(short.Sections, brief)
	}
	return short
}

func (t Table) brief(rows int, where string) Table {
	all := t.Rows
	t.Rows = nil
	for _, row := range all[:min(rows, len(all))] {
		cells := make([]any, len(row))
		for i, value := range row {
			if cells[i] = value; value != nil {
				cells[i] = clip(cell(value), briefCell)
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	if left := len(all) - len(t.Rows); left > 0 {
		more := fmt.Sprintf("and %s more %s", grouped(int64(left)), where)
		if t.More != "" {
			more += "; " + t.More
		}
		t.More = more
	}
	return t
}

// clip shortens a text to so many characters.
func clip(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
