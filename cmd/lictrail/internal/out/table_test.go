package out

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func people() *Table {
	t := NewTable(Column{Head: "USER", Min: 8}, Column{Head: "SEATS"}, Column{Head: "SKU", Min: 6, Rank: 1})
	t.Row("ann@contoso.example", 3, "Microsoft 365 E3")
	t.Row("日本太郎@contoso.example", 12345, "Visio")
	t.Row("e\x1bve", nil, Cell{"Power BI Pro", Yellow})
	return t
}

func render(t *testing.T, table *Table, s *Streams, out interface{ String() string }) string {
	t.Helper()
	if err := table.Print(s); err != nil {
		t.Fatal(err)
	}
	return "\n" + out.String()
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:%s\nwant:%s\n(%q)", got, want, got)
	}
}

func TestTable_Pipe(t *testing.T) {
	s, out, _ := pipe()
	s.Width = 10
	check(t, render(t, people(), s, out), `
USER                      SEATS  SKU
ann@contoso.example           3  Microsoft 365 E3
日本太郎@contoso.example  12345  Visio
e\x1bve                       -  Power BI Pro
`)
}

// TestTable_Again: rows that are not kept are printed like those that are.
func TestTable_Again(t *testing.T) {
	columns := []Column{{Head: "USER", Keep: true}, {Head: "SEATS"}, {Head: "SKU", Min: 6, Wrap: true}, {Head: "SINCE", Spare: 1}, {Head: "N", Right: true}}
	rows := [][]any{{"ann@contoso.example", 3, "Microsoft 365 E3", "2026", "7"}, {"日本太郎@contoso.example", 12345, "Visio", nil, "8"}, {"e\x1bve", nil, Cell{"Power BI Pro", Yellow}, "x", "none"}}
	for _, width := range []int{0, 80, 60, 40, 30, 5} { // 0: a pipe
		printed := func(fill func(*Table)) string {
			s, out, notes := terminal(width)
			if width == 0 {
				s, out, notes = pipe()
			}
			table := NewTable(columns...)
			fill(table)
			return render(t, table, s, out) + notes.String()
		}
		kept := printed(func(table *Table) {
			for _, row := range rows {
				table.Row(row...)
			}
		})
		check(t, printed(func(table *Table) { table.Again(slices.Values(rows)) }), kept)
	}
}

// TestTable_Memory: a table whose rows come again does not grow with their number.
func TestTable_Memory(t *testing.T) {
	const rows = 50_000
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, after := live(), uint64(0)
	table := NewTable(Column{Head: "USER"}, Column{Head: "SEATS"})
	table.Again(func(yield func([]any) bool) {
		for n := range rows {
			if n == rows-1 {
				after = live()
			}
			if !yield([]any{fmt.Sprintf("ann%d@contoso.example", n), n}) {
				return
			}
		}
	})
	s, _, _ := pipe()
	s.Out = io.Discard
	if err := table.Print(s); err != nil {
		t.Fatal(err)
	}
	if more := max(after, before) - before; table.Len() != rows || more > 10*rows {
		t.Errorf("%d rows take %d bytes", table.Len(), more)
	}
}

func TestTable_Terminal(t *testing.T) {
	for _, tc := range []struct {
		width int
		want  string
	}{
		{80, `
USER                      SEATS  SKU
ann@contoso.example           3  Microsoft 365 E3
日本太郎@contoso.example  12345  Visio
e\x1bve                       -  Power BI Pro
`},
		{40, `
USER             SEATS  SKU
ann@contoso.ex…      3  Microsoft 365 E3
日本太郎@conto…  12345  Visio
e\x1bve              -  Power BI Pro
`},
		{30, `
USER      SEATS  SKU
ann@con…      3  Microsoft 36…
日本太…   12345  Visio
e\x1bve       -  Power BI Pro
`},
		{24, `
USER      SEATS  SKU
ann@con…      3  Micros…
日本太…   12345  Visio
e\x1bve       -  Power …
`},
		{5, `
USER      SEATS  SKU
ann@con…      3  Micro…
日本太…   12345  Visio
e\x1bve       -  Power…
`},
	} {
		s, out, _ := terminal(tc.width)
		got := render(t, people(), s, out)
		check(t, got, tc.want)
		for line := range strings.Lines(strings.TrimPrefix(got, "\n")) {
			if w := width(strings.TrimSuffix(line, "\n")); tc.width > 22 && w > tc.width {
				t.Errorf("width %d: line of %d columns: %q", tc.width, w, line)
			}
		}
	}
}

func TestTable_Color(t *testing.T) {
	table := NewTable(Column{Head: "A"}, Column{Head: "B", Right: true})
	table.Row(Cell{"x", Red}, "y")
	table.Row("long", "wide")
	s, out, _ := terminal(80)
	s.Color = true
	check(t, render(t, table, s, out),
		"\n\x1b[1mA\x1b[0m        \x1b[1mB\x1b[0m\n\x1b[31mx\x1b[0m        y\nlong  wide\n")
}

func TestTable_Wrap(t *testing.T) {
	table := NewTable(Column{Head: "N"}, Column{Head: "WHY", Min: 10, Wrap: true})
	table.Row(1, "an admin removed the group from the license")
	table.Row(2, "two  spaces")
	s, out, _ := terminal(20)
	check(t, render(t, table, s, out), `
N  WHY
1  an admin removed
   the group from
   the license
2  two spaces
`)
	s, out, _ = pipe()
	check(t, render(t, table, s, out), `
N  WHY
1  an admin removed the group from the license
2  two  spaces
`)
}

func TestTable_Alignment(t *testing.T) {
	table := NewTable(Column{Head: "MIXED"}, Column{Head: "FLOATS"}, Column{Head: "END"})
	table.Row("12", 1.5, 7)
	table.Row(3, 20.25, nil)
	s, out, _ := pipe()
	check(t, render(t, table, s, out), `
MIXED  FLOATS  END
12        1.5    7
3       20.25    -
`)
	if table.Len() != 2 {
		t.Errorf("Len = %d", table.Len())
	}
}

func TestTable_Empty(t *testing.T) {
	s, out, _ := terminal(80)
	check(t, render(t, NewTable(Column{Head: "A"}, Column{Head: "B"}), s, out), "\nA  B\n")
}

func TestTable_WrongRowPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a row of the wrong length was taken")
		}
	}()
	people().Row("only one")
}

type brokenWriter struct{ after int }

var errBroken = errors.New("broken pipe")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestTable_WriteErr(t *testing.T) {
	for _, after := range []int{0, 60} {
		s, _, _ := pipe()
		s.Out = &brokenWriter{after}
		if err := people().Print(s); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

func TestPairs(t *testing.T) {
	s, out, _ := pipe()
	if err := Pairs(s, "user", "Ann\x1b", "department", nil, "licenses", 3); err != nil {
		t.Fatal(err)
	}
	check(t, out.String(), "user      Ann\\x1b\nlicenses  3\n")
	if err := Pairs(s); err != nil {
		t.Error(err)
	}
}

// A person and a SKU are read whole at any width: other columns give way first.
func TestTable_Keep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		width int
		want  string
	}{
		{100, `
USER                                          SKU                    PATH
ann.meyer-hohenstein@contoso.onmicrosoft.com  Microsoft_365_Copilot  direct + Sales of EMEA
`},
		{80, `
USER                                          SKU                    PATH
ann.meyer-hohenstein@contoso.onmicrosoft.com  Microsoft_365_Copilot  direct + S…
`},
		{50, `
USER                  SKU                   PATH
ann.meyer-            Microsoft_365_        direc…
hohenstein@contoso.   Copilot
onmicrosoft.com
`},
	} {
		var b strings.Builder
		s := &Streams{Out: &b, OutTTY: true, Width: test.width}
		table := NewTable(Column{Head: "USER", Keep: true}, Column{Head: "SKU", Keep: true}, Column{Head: "PATH", Min: 6})
		table.Row("ann.meyer-hohenstein@contoso.onmicrosoft.com", "Microsoft_365_Copilot", "direct + Sales of EMEA")
		if err := table.Print(s); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != test.want {
			t.Errorf("at %d columns got:%s\nwant:%s", test.width, got, test.want)
		}
	}
}
