package earlier

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
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

// Row is one line of a file, as it is written.
type Row struct {
	Line     int
	ID       snapshot.UserID // object id; "" when the file has none
	UPN      string
	Licenses string // a SKU, or several joined by +
	Assigned Moment // zero when not given
	Removed  Moment
	Path     string
	Note     string
}

// Refusal is a line that was left out, and why.
type Refusal struct {
	Line   int
	Reason string
}

// String returns the refusal as one line.
func (r Refusal) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Reason) }

// Options say how to read a file.
type Options struct {
	Order Order
	SKU   string // of files without a column for it
}

// File is what was read.
type File struct {
	Rows        []Row
	Refused     []Refusal
	Unlicensed  int  // lines about users without a license
	HasAssigned bool // the file has a column for the date of assignment
	Columns     []string
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

// Read reads a CSV file: UTF-8, or UTF-16 with a byte order mark; separated by
// commas, semicolons or tabs. A wrong line is refused by itself. The file as a
// whole is refused, with [ErrFile], when it lacks a column for users or
// licenses, or when its lines cannot be told apart.
func Read(raw []byte, o Options) (*File, error) {
	text, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	rows := csv.NewReader(strings.NewReader(text))
	rows.Comma = separator(text)
	rows.FieldsPerRecord = -1
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: read the column names: %w", ErrFile, err)
	}
	columns, err := findColumns(header, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	f := &File{HasAssigned: columns[fieldAssigned] >= 0, Columns: header}
	if err := f.readRows(rows, columns, len(header), o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if len(f.Rows)+len(f.Refused)+f.Unlicensed == 0 {
		return nil, fmt.Errorf("%w: it has column names but no lines", ErrFile)
	}
	return f, nil
}

func decode(raw []byte) (string, error) {
	switch {
	case len(raw) > MaxFile:
		return "", fmt.Errorf("it is larger than %d MB", MaxFile>>20)
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		return decode16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return decode16(raw[2:], binary.BigEndian)
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

// separator is what the first line has most of.
func separator(text string) rune {
	line, _, _ := strings.Cut(text, "\n")
	best := ','
	for _, c := range ";\t" {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

// findColumns returns the index of each field's column, -1 for none.
func findColumns(header []string, o Options) ([fields]int, error) {
	var found [fields]int
	for f := range found {
		found[f] = -1
		for _, name := range headings[f] {
			if i := slices.IndexFunc(header, func(h string) bool { return heading(h) == name }); i >= 0 {
				found[f] = i
				break
			}
		}
	}
	if found[fieldID] < 0 && found[fieldUPN] < 0 {
		return found, errors.New("no column names the user: it needs one such as User principal name or Object Id")
	}
	if found[fieldSKU] < 0 && o.SKU == "" {
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

func (f *File) readRows(rows *csv.Reader, columns [fields]int, width int, o Options) error {
	for {
		cells, err := rows.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad) && bad.Line > bad.StartLine:
			return fmt.Errorf("line %d: a quoted cell does not end where it should", bad.StartLine)
		case errors.As(err, &bad):
			f.Refused = append(f.Refused, Refusal{bad.StartLine, bad.Err.Error()})
			continue
		case err != nil:
			return err
		}
		line, _ := rows.FieldPos(0)
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		if len(cells) > width {
			f.Refused = append(f.Refused, Refusal{line, fmt.Sprintf("%d cells under %d column names", len(cells), width)})
			continue
		}
		f.add(line, cells, columns, o)
	}
}

func (f *File) add(line int, cells []string, columns [fields]int, o Options) {
	cell := func(which field) string {
		if i := columns[which]; i >= 0 && i < len(cells) {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cells[i]), "'"))
		}
		return ""
	}
	refuse := func(reason string) { f.Refused = append(f.Refused, Refusal{line, reason}) }
	if slices.ContainsFunc(cells, func(c string) bool { return len(c) > maxCell }) {
		refuse(fmt.Sprintf("a cell is longer than %d bytes", maxCell))
		return
	}
	r := Row{Line: line, ID: snapshot.NormalID(snapshot.UserID(cell(fieldID))), UPN: cell(fieldUPN),
		Licenses: cell(fieldSKU), Path: cell(fieldPath), Note: cell(fieldNote)}
	if columns[fieldSKU] < 0 {
		r.Licenses = o.SKU
	}
	var err error
	switch {
	case r.ID == "" && r.UPN == "":
		refuse("it names no user")
		return
	case r.Licenses == "" || strings.EqualFold(r.Licenses, "unlicensed"):
		f.Unlicensed++
		return
	}
	if r.Assigned, err = optional(cell(fieldAssigned), o.Order); err != nil {
		refuse("assigned: " + err.Error())
		return
	}
	if r.Removed, err = optional(cell(fieldRemoved), o.Order); err != nil {
		refuse("removed: " + err.Error())
		return
	}
	f.Rows = append(f.Rows, r)
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

// SplitLicenses splits a cell that may list several SKUs joined by plus signs,
// which are in some product names too: it takes the longest that match knows.
func SplitLicenses(cell string, match func(word string) (snapshot.SKUID, error)) ([]snapshot.SKUID, error) {
	var skus []snapshot.SKUID
	parts := strings.Split(cell, "+")
	for len(parts) > 0 {
		id, taken, err := longest(parts, match)
		if err != nil {
			return nil, err
		}
		if id != "" && !slices.Contains(skus, id) {
			skus = append(skus, id)
		}
		parts = parts[taken:]
	}
	if len(skus) == 0 {
		return nil, errors.New("it names no license")
	}
	return skus, nil
}

// longest matches as many parts from the first on as it can. The error is that
// of the first part alone.
func longest(parts []string, match func(string) (snapshot.SKUID, error)) (snapshot.SKUID, int, error) {
	var failed error
	for n := len(parts); n > 0; n-- {
		word := strings.TrimSpace(strings.Join(parts[:n], "+"))
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
