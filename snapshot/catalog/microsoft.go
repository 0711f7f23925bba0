package catalog

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"lictrail/snapshot"
)

// Limits for a file that came from elsewhere. Microsoft's own is 1.1 MB with
// cells under 150 bytes.
const (
	maxFile     = 32 << 20
	maxCell     = 500
	maxRefusals = 100
)

// Report says what became of the rows of an imported list.
type Report struct {
	Rows       int       // rows that were not blank
	SKUs       int       // products found
	Plans      int       // service plans found
	Duplicates int       // rows that say what an earlier one said
	Renames    int       // rows that give a known product or plan another name; the first one stands
	Refused    int       // rows left out
	Refusals   []Refusal // the first of them, with the reason
}

// Refusal is a row that was left out, and why.
type Refusal struct {
	Line   int // in the file, from 1
	Reason string
}

// String returns the refusal as one line.
func (r Refusal) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Reason) }

func (r *Report) refuse(line int, reason string) {
	r.Refused++
	if len(r.Refusals) < maxRefusals {
		r.Refusals = append(r.Refusals, Refusal{line, reason})
	}
}

// ReadMicrosoftCSV reads the list that Microsoft publishes as "Product names and
// service plan identifiers for licensing": one row for each plan of each SKU,
// columns in any order. It takes the file as it is found in the wild: UTF-8 or
// Windows-1252, with a byte order mark whole or mangled, with semicolons or
// tabs, with stray no-break spaces. Where rows disagree the first one stands.
//
// A wrong row is refused by itself and listed in the report. The file as a whole
// is refused when it is too large, lacks columns or has no row of use.
func ReadMicrosoftCSV(r io.Reader) (*Catalog, Report, error) {
	var report Report
	text, err := readText(r)
	if err != nil {
		return nil, report, err
	}
	rows := csv.NewReader(bytes.NewReader(text))
	rows.Comma = separator(text)
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return nil, report, fmt.Errorf("read the column names: %w", err)
	}
	cols, err := findColumns(header)
	if err != nil {
		return nil, report, err
	}
	c := newCatalog()
	if err := readRows(c, &report, rows, cols); err != nil {
		return nil, report, err
	}
	report.SKUs, report.Plans = len(c.skus), len(c.plans)
	if report.SKUs == 0 {
		return nil, report, noUse(report)
	}
	return c, report, nil
}

func noUse(report Report) error {
	if len(report.Refusals) == 0 {
		return errors.New("the list has column names but no rows")
	}
	return fmt.Errorf("none of the %d rows is of use; the first: %s", report.Rows, report.Refusals[0])
}

func readRows(c *Catalog, report *Report, rows *csv.Reader, cols [columns]int) error {
	for {
		row, err := rows.Read()
		var bad *csv.ParseError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad) && bad.Line > bad.StartLine:
			// The reader took all that follows for one cell: rows were lost.
			return fmt.Errorf("line %d: a quoted cell does not end where it should", bad.StartLine)
		case errors.As(err, &bad):
			report.Rows++
			report.refuse(bad.StartLine, bad.Err.Error())
			continue
		case err != nil:
			return err
		}
		line, _ := rows.FieldPos(0)
		if blank(row) {
			continue
		}
		report.Rows++
		if reason := addRow(c, report, row, cols); reason != "" {
			report.refuse(line, reason)
		}
	}
}

func blank(row []string) bool {
	return !slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" })
}

// addRow adds what one row says, or says why it cannot.
func addRow(c *Catalog, report *Report, row []string, cols [columns]int) (reason string) {
	var cells [columns]string
	for col, at := range cols {
		if at < 0 {
			continue
		}
		if at >= len(row) {
			return fmt.Sprintf("column %s is missing", columnNames[col])
		}
		if cells[col], reason = clean(row[at]); reason != "" {
			return fmt.Sprintf("column %s %s", columnNames[col], reason)
		}
	}
	for _, col := range []column{colSKU, colPlan} {
		cells[col] = strings.ToLower(cells[col])
		if !isGUID(cells[col]) {
			return fmt.Sprintf("column %s is no GUID: %.50q", columnNames[col], cells[col])
		}
	}
	if cells[colPart] == "" {
		return fmt.Sprintf("column %s is empty", columnNames[colPart])
	}
	c.merge(report, cells)
	return ""
}

// merge adds a row's product and plan; the first row about either one stands.
func (c *Catalog) merge(report *Report, cells [columns]string) {
	sku := SKU{ID: snapshot.SKUID(cells[colSKU]), PartNumber: cells[colPart], Name: cells[colName]}
	plan := Plan{ID: snapshot.PlanID(cells[colPlan]), Name: cells[colPlanName], FriendlyName: cells[colFriendly]}
	newSKU, newPlan := c.addSKU(sku), c.addPlan(plan)
	knownSKU, knownPlan := c.skus[sku.ID], c.plans[plan.ID]
	if sku.Name != knownSKU.Name || sku.PartNumber != knownSKU.PartNumber || plan != knownPlan {
		report.Renames++
	}
	if !c.addPlanTo(sku.ID, plan.ID) && !newSKU && !newPlan {
		report.Duplicates++
	}
}

// clean returns the cell without stray spaces, or says what is wrong with it.
func clean(cell string) (_, reason string) {
	if len(cell) > maxCell {
		return "", fmt.Sprintf("is longer than %d bytes", maxCell)
	}
	cell = strings.Join(strings.Fields(strings.ReplaceAll(cell, "\ufeff", "")), " ")
	if strings.ContainsFunc(cell, unicode.IsControl) {
		return "", "has a control character"
	}
	return cell, ""
}

type column int

const (
	colName column = iota
	colPart
	colSKU
	colPlanName
	colPlan
	colFriendly // optional
	columns
)

var columnNames = [columns]string{
	"Product_Display_Name", "String_Id", "GUID",
	"Service_Plan_Name", "Service_Plan_Id", "Service_Plans_Included_Friendly_Names",
}

// findColumns returns where in a row each column stands, -1 for an optional one
// that is not there.
func findColumns(header []string) (at [columns]int, err error) {
	for col := range at {
		at[col] = -1
	}
	for i, cell := range header {
		col := slices.IndexFunc(columnNames[:], func(name string) bool { return columnKey(name) == columnKey(cell) })
		if col < 0 {
			continue
		}
		if at[col] >= 0 {
			return at, fmt.Errorf("column %s is there twice", columnNames[col])
		}
		at[col] = i
	}
	var missing []string
	for col := range colFriendly {
		if at[col] < 0 {
			missing = append(missing, columnNames[col])
		}
	}
	if len(missing) > 0 {
		return at, fmt.Errorf("not Microsoft's list of product names: missing column %s", strings.Join(missing, ", "))
	}
	return at, nil
}

// columnKey makes column names equal that differ in case, in separators, or in
// the remains of a byte order mark within the quotes.
func columnKey(name string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// readText returns the whole file as UTF-8 from its first letter or quote on.
func readText(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the list: %w", err)
	case len(raw) > maxFile:
		return nil, fmt.Errorf("the list is larger than %d MiB", maxFile>>20)
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return nil, errors.New("the list is in UTF-16; save it as CSV UTF-8")
	}
	raw = cutMark(raw)
	if len(raw) == 0 {
		return nil, errors.New("the list is empty")
	}
	if utf8.Valid(raw) {
		return raw, nil
	}
	return fromWindows1252(raw), nil
}

// cutMark drops the byte order mark, and what is left of one after a round trip
// through tools that did not know it: "ï»¿" in any encoding, or "???".
func cutMark(raw []byte) []byte {
	return bytes.TrimLeftFunc(raw, func(r rune) bool {
		return r >= utf8.RuneSelf || r == '?' || unicode.IsSpace(r)
	})
}

// windows1252 are the characters that Windows-1252 has at 0x80 to 0x9F, where
// Latin-1 has control characters.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func fromWindows1252(raw []byte) []byte {
	high := []rune(windows1252)
	text := make([]byte, 0, len(raw)+len(raw)/8)
	for _, b := range raw {
		r := rune(b)
		if b >= 0x80 && b <= 0x9f {
			r = high[b-0x80]
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

// separator returns the most frequent separator of the first line.
func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int {
		return cmp.Compare(bytes.Count(line, []byte(string(a))), bytes.Count(line, []byte(string(b))))
	})
}
