package earlier

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"lictrail/snapshot"
)

// Limits for a file that came from elsewhere.
const (
	MaxFile = 64 << 20
	maxCell = 4000
)

// ErrFile says that a file as a whole is of no use.
var ErrFile = errors.New("the file cannot be read as earlier records")

// Line is a line of a file: a record as it is written, or the reason why it is none.
type Line struct {
	Line     int
	Reason   string          // why it is left out; "" for a record
	NoRecord bool            // it is left out since it is not meant as a record
	ID       snapshot.UserID // object id; "" when the file has none
	UPN      string
	Licenses string // a SKU, or several
	Assigned Moment // zero when not given
	Removed  Moment
	Path     string
	Note     string
}

// Options say how to read a file.
type Options struct {
	Order Order
	SKU   string // of files without a column for it
}

// File is a file that can be read line by line, as often as needed: only its text is in
// memory.
type File struct {
	Unlicensed int // lines about users without a license
	header     *header
	options    Options
}

// field is a column that is understood.
type field int

const (
	fieldID field = iota
	fieldUPN
	fieldSKU
	fieldAssigned
	fieldRemoved
	fieldPath
	fieldNote
	fields
)

// headings are the names of columns, as letters and digits in lower case, the
// best of each first. "When created" is the account's date, and left alone.
var headings = [fields][]string{
	fieldID: {"userid", "objectid", "userobjectid", "azureadobjectid", "entraobjectid", "externaldirectoryobjectid", "id"},
	fieldUPN: {"userprincipalname", "upn", "user", "username", "signinname", "email", "mail", "emailaddress",
		"primarysmtpaddress"},
	fieldSKU: {"skuid", "sku", "skupartnumber", "partnumber", "accountskuid", "license", "licenses", "licensename",
		"assignedlicenses", "assignedproducts", "product", "productname"},
	fieldAssigned: {"assigned", "assignedat", "assignedon", "assigneddate", "assigneddatetime", "dateassigned", "licensedasof",
		"licensedsince", "licenseassigned", "licenseassigneddate", "assignmentdate", "firstassigned", "since", "from", "startdate"},
	fieldRemoved: {"removed", "removedat", "removedon", "removeddate", "removeddatetime", "dateremoved", "delicensedasof",
		"unlicensedasof", "licenseremoved", "until", "to", "enddate"},
	fieldPath: {"path", "assignmentpath", "assignedvia", "via", "group", "groupname"},
	fieldNote: {"note", "notes", "comment", "comments", "remark", "remarks"},
}

// columns are those of each field, the best first.
type columns [fields][]int

// Read reads a CSV file: UTF-8 or UTF-16; separated by commas, semicolons, tabs or
// bars. A wrong line is refused by itself. The file as a whole is refused, with
// [ErrFile], when it lacks a column for users or licenses, or when its lines
// cannot be distinguished.
func Read(raw []byte, o Options) (*File, error) {
	text, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	h, err := findHeader(text, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	f := &File{header: h, options: o}
	lines := 0
	for line, err := range f.read {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		lines++
		if line.Reason == noLicense {
			f.Unlicensed++
		}
	}
	if lines == len(h.passed) {
		return nil, fmt.Errorf("%w: it has column names but no lines", ErrFile)
	}
	return f, nil
}

// Lines lists the lines, but for empty ones and the one with the names of the columns.
func (f *File) Lines() iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		for line, err := range f.read { // Read has seen that the file has no error
			if err != nil || !yield(line) {
				return
			}
		}
	}
}

// header is the line with the names of the columns.
type header struct {
	names     []string
	columns   columns
	passed    []*Line // the lines before it, but for empty ones
	after     string  // the lines after it
	before    int     // how many lines are before those
	separator rune
}

// maxPreamble is how many lines may stand before the header: "#TYPE ..." of
// Windows PowerShell, "sep=;" for spreadsheets, or a title.
const maxPreamble = 10

// findHeader finds the first line that names the columns that are needed.
func findHeader(text string, o Options) (*header, error) {
	var passed []*Line
	var first error
	separators := ",;\t|"
	rest := text
	for n := range maxPreamble {
		line, after, more := strings.Cut(rest, "\n")
		line = strings.TrimRight(line, "\r")
		for _, sep := range separators {
			names, err := readerOf(line, sep).Read()
			if err != nil {
				continue
			}
			columns, err := findColumns(names, o)
			if err == nil {
				return &header{names: names, columns: columns, passed: passed, after: after, before: n + 1, separator: sep}, nil
			}
			if first == nil && len(names) > 1 {
				first = err
			}
		}
		if sep, ok := strings.CutPrefix(strings.ToLower(strings.Trim(line, "\" ")), "sep="); ok && sep != "" {
			separators = string([]rune(sep)[0]) + separators
		}
		if strings.Trim(line, " \t,;") != "" {
			passed = append(passed, &Line{Line: n + 1, Reason: preambleWords(line), NoRecord: true})
		}
		if rest = after; !more {
			break
		}
	}
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("it is empty")
	case first == nil:
		_, first = findColumns(nil, o)
	}
	return nil, fmt.Errorf("%w; the file begins with %q", first, shorten(strings.TrimSpace(text)))
}

func readerOf(text string, sep rune) *csv.Reader {
	rows := csv.NewReader(strings.NewReader(text))
	rows.Comma, rows.FieldsPerRecord = sep, -1
	return rows
}

// preambleWords says what a line before the header is.
func preambleWords(line string) string {
	switch lower := strings.ToLower(strings.Trim(line, "\" ")); {
	case strings.HasPrefix(lower, "#type"):
		return "the #TYPE line of Windows PowerShell"
	case strings.HasPrefix(lower, "sep="):
		return "the line that names the separator"
	}
	return fmt.Sprintf("a title: %q", shorten(line))
}

func shorten(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	const most = 60
	r := []rune(strings.TrimRight(s, "\r"))
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(r)
}

func decode(raw []byte) (string, error) {
	switch {
	case len(raw) > MaxFile:
		return "", fmt.Errorf("it is larger than %d MB", MaxFile>>20)
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		return decode16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return decode16(raw[2:], binary.BigEndian)
	case len(raw) >= 4 && raw[0] != 0 && raw[1] == 0 && raw[3] == 0:
		return decode16(raw, binary.LittleEndian)
	case len(raw) >= 4 && raw[0] == 0 && raw[1] != 0 && raw[2] == 0:
		return decode16(raw, binary.BigEndian)
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return "", errors.New("it is not UTF-8; save it as CSV UTF-8")
	}
	return string(raw), nil
}

func decode16(raw []byte, order binary.ByteOrder) (string, error) {
	if len(raw)%2 != 0 {
		return "", errors.New("it ends within a UTF-16 character")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, 0) {
		return "", errors.New("it holds NUL characters")
	}
	return text, nil
}

// findColumns returns each field's columns.
func findColumns(header []string, o Options) (found columns, err error) {
	for f := range found {
		for _, name := range headings[f] {
			for i, h := range header {
				if heading(h) == name {
					found[f] = append(found[f], i)
				}
			}
		}
	}
	if len(found[fieldID])+len(found[fieldUPN]) == 0 {
		return found, errors.New("no column names the user: it needs one such as User principal name or Object Id")
	}
	if len(found[fieldSKU]) == 0 && o.SKU == "" {
		return found, errors.New("no column names the license: it needs one such as SKU or Licenses, or --sku for all lines")
	}
	return found, nil
}

func heading(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// read lists the lines. The error is one of the whole file.
func (f *File) read(yield func(*Line, error) bool) {
	h := f.header
	for _, line := range h.passed {
		if !yield(line, nil) {
			return
		}
	}
	rows := readerOf(h.after, h.separator)
	for {
		cells, err := rows.Read()
		var bad *csv.ParseError
		var line *Line
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad) && bad.Line > bad.StartLine:
			err = fmt.Errorf("line %d: a quoted cell does not end where it should", h.before+bad.StartLine)
		case errors.As(err, &bad):
			line, err = &Line{Line: h.before + bad.StartLine, Reason: quoteWords(bad.Err)}, nil
		case err == nil && slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }):
			n, _ := rows.FieldPos(0)
			line = f.line(h.before+n, cells)
		case err == nil:
			continue
		}
		if !yield(line, err) || err != nil {
			return
		}
	}
}

// quoteWords says what is wrong with the quotes of a line.
func quoteWords(err error) string {
	if errors.Is(err, csv.ErrBareQuote) {
		return "a quote stands inside a cell that is not in quotes"
	}
	return "a quoted cell does not end where it should"
}

// noLicense is why a line about a user without a license is left out.
const noLicense = "it names no license"

func (f *File) line(number int, cells []string) *Line {
	columns := f.header.columns
	cell := func(which field) string {
		for _, i := range columns[which] {
			if i >= len(cells) {
				continue
			}
			if c := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cells[i]), "'")); c != "" {
				return c
			}
		}
		return ""
	}
	refused := func(reason string) *Line { return &Line{Line: number, Reason: reason} }
	switch {
	case len(cells) > len(f.header.names):
		return refused(fmt.Sprintf("%d cells under %d column names", len(cells), len(f.header.names)))
	case slices.ContainsFunc(cells, func(c string) bool { return len(c) > maxCell }):
		return refused(fmt.Sprintf("a cell is longer than %d bytes", maxCell))
	}
	l := &Line{Line: number, ID: snapshot.NormalID(snapshot.UserID(cell(fieldID))), UPN: cell(fieldUPN),
		Licenses: cell(fieldSKU), Path: cell(fieldPath), Note: cell(fieldNote)}
	if len(columns[fieldSKU]) == 0 {
		l.Licenses = f.options.SKU
	}
	var err error
	switch {
	case l.ID == "" && l.UPN == "":
		return refused("it names no user")
	case l.Licenses == "" || strings.EqualFold(l.Licenses, "unlicensed"):
		return &Line{Line: number, Reason: noLicense, NoRecord: true}
	}
	if l.Assigned, err = optional(cell(fieldAssigned), f.options.Order); err != nil {
		return refused("assigned: " + err.Error())
	}
	if l.Removed, err = optional(cell(fieldRemoved), f.options.Order); err != nil {
		return refused("removed: " + err.Error())
	}
	return l
}

// optional reads a date that may be left out, in the ways in which programs
// write that there is none.
func optional(text string, order Order) (Moment, error) {
	switch strings.ToLower(text) {
	case "", "-", "n/a", "na", "null", "none", "never":
		return Moment{}, nil
	}
	return ParseMoment(text, order)
}

// Separators are what joins several SKUs in one cell, unless it is said what does.
const Separators = "+;,|\n"

// maxJoined is how many parts the name of one product may have.
const maxJoined = 8

// SplitLicenses splits a cell that may list several SKUs, joined by one of
// [Separators] or else by what separator says. Product names have such characters
// in them, too: it takes the longest that match knows. All must be known.
func SplitLicenses(cell, separator string, match func(word string) (snapshot.SKUID, error)) ([]snapshot.SKUID, error) {
	var skus []snapshot.SKUID
	ends := partEnds(cell, separator)
	begin := 0
	for len(ends) > 0 {
		id, taken, err := longest(cell[begin:], begin, ends, match)
		if err != nil {
			return nil, err
		}
		if id != "" && !slices.Contains(skus, id) {
			skus = append(skus, id)
		}
		begin, ends = ends[taken-1].next, ends[taken:]
	}
	if len(skus) == 0 {
		return nil, errors.New("it names no license")
	}
	return skus, nil
}

// part is where a part of a cell ends, and the next begins.
type part struct{ end, next int }

func partEnds(cell, separator string) []part {
	var ends []part
	for i := 0; i < len(cell); {
		n := 0
		switch {
		case separator == "" && strings.IndexByte(Separators, cell[i]) >= 0:
			n = 1
		case separator != "" && strings.HasPrefix(cell[i:], separator):
			n = len(separator)
		}
		if n > 0 {
			ends = append(ends, part{i, i + n})
		}
		i += max(1, n)
	}
	return append(ends, part{len(cell), len(cell)})
}

// longest matches as many parts from the first on as it can. The error is that
// of the first part alone.
func longest(rest string, begin int, ends []part, match func(string) (snapshot.SKUID, error)) (snapshot.SKUID, int, error) {
	var failed error
	for n := min(len(ends), maxJoined); n > 0; n-- {
		word := strings.TrimSpace(rest[:ends[n-1].end-begin])
		if word == "" {
			return "", n, nil
		}
		id, err := match(word)
		if err == nil {
			return id, n, nil
		}
		failed = err
	}
	return "", 0, failed
}
