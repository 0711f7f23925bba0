package out

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// reread writes a workbook and opens it again.
func reread(t *testing.T, b *Workbook) *excelize.File {
	t.Helper()
	var w bytes.Buffer
	if err := b.Finish(&w); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestWorkbook(t *testing.T) {
	stamp, plain, none := "2026-03-01T08:09:10Z", "2026-03-01", (*string)(nil)
	yes := true
	for _, c := range []struct {
		name  string
		value any
		kind  excelize.CellType
		want  string // as a spreadsheet shows it
	}{
		{"text", "Ann", excelize.CellTypeInlineString, "Ann"},
		{"a name that looks like a date stays a name", "2026-03-01T08:09:10Z", excelize.CellTypeInlineString, stamp},
		{"a name that looks like a number stays a name", "007", excelize.CellTypeInlineString, "007"},
		{"formula", "=HYPERLINK(\"http://evil.example\")", excelize.CellTypeInlineString, "=HYPERLINK(\"http://evil.example\")"},
		{"plus", "+1", excelize.CellTypeInlineString, "+1"},
		{"control characters", "a\x00\x1b[31m\u202e<b>&\xff", excelize.CellTypeInlineString, `a\x00\x1b[31m\u202e<b>&\xff`},
		{"stamp", &stamp, excelize.CellTypeUnset, "2026-03-01 08:09:10"},
		{"time", time.Date(2026, 3, 1, 9, 9, 10, 0, time.FixedZone("", 3600)), excelize.CellTypeUnset, "2026-03-01 08:09:10"},
		{"pointer to text", &plain, excelize.CellTypeInlineString, plain},
		{"nothing", nil, excelize.CellTypeUnset, ""},
		{"no text", none, excelize.CellTypeUnset, ""},
		{"empty text", "", excelize.CellTypeUnset, ""},
		{"no time", time.Time{}, excelize.CellTypeUnset, ""},
		{"number", int64(-12), excelize.CellTypeUnset, "-12"},
		{"decimal", Decimal("36.50"), excelize.CellTypeUnset, "36.5"},
		{"truth", true, excelize.CellTypeBool, "TRUE"},
		{"pointer to truth", &yes, excelize.CellTypeBool, "TRUE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewWorkbook("people", "first", "value")
			if err := b.Row("x", c.value); err != nil {
				t.Fatal(err)
			}
			f := reread(t, b)
			got, err := f.GetCellValue("people", "B2")
			kind, kindErr := f.GetCellType("people", "B2")
			formula, _ := f.GetCellFormula("people", "B2")
			if err != nil || kindErr != nil || got != c.want || kind != c.kind || formula != "" {
				t.Errorf("%q of type %v, formula %q, want %q of type %v (%v, %v)", got, kind, formula, c.want, c.kind, err, kindErr)
			}
		})
	}
}

// TestWorkbook_Rows: rows keep their places where the widths become known, and
// the filters reach to the last one.
func TestWorkbook_Rows(t *testing.T) {
	for _, n := range []int{0, 1, earlyRows - 1, earlyRows, earlyRows + 1, 3 * earlyRows} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := NewWorkbook("audit events", "number", "text")
			for i := range n {
				if err := b.Row(i, "row"); err != nil {
					t.Fatal(err)
				}
			}
			f := reread(t, b)
			rows, err := f.GetRows("audit events")
			if err != nil || len(rows) != n+1 {
				t.Fatalf("%d rows, want %d (%v)", len(rows), n+1, err)
			}
			for i := range n {
				if rows[i+1][0] != fmt.Sprint(i) {
					t.Fatalf("row %d is %q", i, rows[i+1])
				}
			}
			tables, err := f.GetTables("audit events")
			if want := min(n, 1); err != nil || len(tables) != want {
				t.Fatalf("%d tables, want %d (%v)", len(tables), want, err)
			}
			if n > 0 && tables[0].Range != fmt.Sprintf("A1:B%d", n+1) {
				t.Errorf("filters on %s", tables[0].Range)
			}
			if panes, err := f.GetPanes("audit events"); err != nil || !panes.Freeze || panes.YSplit != 1 {
				t.Errorf("the header does not stay in sight: %+v (%v)", panes, err)
			}
		})
	}
}

func TestWorkbook_Err(t *testing.T) {
	t.Run("ErrColumns", func(t *testing.T) {
		b := NewWorkbook("x", "one")
		defer b.Close()
		if err := b.Row(1, 2); err == nil || b.Finish(&bytes.Buffer{}) == nil {
			t.Error("a row of two cells went into a table of one column")
		}
	})
	t.Run("ErrTooManyRows", func(t *testing.T) {
		b := NewWorkbook("x", "one")
		defer b.Close()
		b.rows = maxSheetRows - 1
		if err := b.Row(1); err == nil || !strings.Contains(err.Error(), "do not go on a sheet") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ErrKind", func(t *testing.T) {
		b := NewWorkbook("x", "one")
		defer b.Close()
		b.Row([]int{1})
		if err := b.Finish(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "[]int does not go into a cell") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a text that is too long is cut", func(t *testing.T) {
		b := NewWorkbook("x", "one")
		if err := b.Row(strings.Repeat("ä", maxCellText+1)); err != nil {
			t.Fatal(err)
		}
		got, _ := reread(t, b).GetCellValue("x", "A2")
		if n := len([]rune(got)); n != maxCellText || !strings.HasSuffix(got, "…") {
			t.Errorf("%d characters", n)
		}
	})
}
