package page

import (
	"strings"

	"lictrail/cmd/lictrail/internal/out"
)

// Text prints what the page says without its charts and its long columns, for
// a mail or a terminal.
func (p *Page) Text(s *out.Streams) error {
	if err := s.Printf("%s\n%s\n", p.Title, p.Lead); err != nil {
		return err
	}
	for i := range p.Sections {
		if err := p.Sections[i].print(s); err != nil {
			return err
		}
	}
	if err := s.Printf("\n"); err != nil {
		return err
	}
	return s.Paragraph(strings.Join(p.Foot, " "))
}

func (sec *Section) print(s *out.Streams) error {
	if len(sec.Text) == 0 && len(sec.Tables) == 0 {
		return nil // charts alone
	}
	if err := s.Printf("\n%s\n", strings.ToUpper(sec.Heading)); err != nil {
		return err
	}
	for _, text := range sec.Text {
		if err := s.Paragraph(text); err != nil {
			return err
		}
	}
	for i := range sec.Tables {
		if err := sec.Tables[i].print(s); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) print(s *out.Streams) error {
	var columns []out.Column
	for _, c := range t.Columns {
		if !c.Long {
			columns = append(columns, out.Column{Head: strings.ToUpper(c.Head), Right: c.Number})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	table := out.NewTable(columns...)
	for _, row := range t.Rows {
		var values []any
		for i, c := range t.Columns {
			if !c.Long {
				values = append(values, cell(row[i]))
			}
		}
		table.Row(values...)
	}
	if err := s.Printf("\n"); err != nil {
		return err
	}
	if err := table.Print(s); err != nil || t.More == "" {
		return err
	}
	return s.Printf("%s\n", t.More)
}
