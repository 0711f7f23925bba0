package earlier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

func TestParseMoment(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		order      Order
		want       string // "" for an error
	}{
		{"ISO day", "2019-08-12", ISO, "2019-08-12"},
		{"spaces", " 2019-08-12 ", ISO, "2019-08-12"},
		{"short ISO day", "2019-8-2", ISO, "2019-08-02"},
		{"RFC 3339", "2019-08-12T10:11:12+02:00", ISO, "2019-08-12T08:11:12Z"},
		{"RFC 3339 with fractions", "2019-08-12T10:11:12.0000000Z", ISO, "2019-08-12T10:11:12Z"},
		{"time without zone", "2019-08-12 10:11", ISO, "2019-08-12T10:11:00Z"},
		{"midnight is a day", "2019-08-12T00:00:00", ISO, "2019-08-12"},
		{"midnight with zone is a time", "2019-08-12T00:00:00Z", ISO, "2019-08-12T00:00:00Z"},
		{"ambiguous", "03/04/2019", ISO, ""},
		{"same both ways", "04/04/2019", ISO, "2019-04-04"},
		{"only day first", "25/04/2019", ISO, "2019-04-25"},
		{"only month first", "04/25/2019", ISO, "2019-04-25"},
		{"dmy", "03/04/2019", DMY, "2019-04-03"},
		{"mdy", "3/4/2019 3:05:06 pm", MDY, "2019-03-04T15:05:06Z"},
		{"dots", "12.08.2019", DMY, "2019-08-12"},
		{"order contradicted", "25/04/2019", MDY, ""},
		{"ISO whatever the order", "2019-03-04", DMY, "2019-03-04"},
		{"no such day", "2019-02-29", ISO, ""},
		{"leap day", "2020-02-29", ISO, "2020-02-29"},
		{"mixed separators", "03/04-2019", DMY, ""},
		{"two-digit year", "03/04/19", DMY, ""},
		{"words", "last spring", ISO, ""},
		{"bad clock", "2019-08-12 25:00", ISO, ""},
		{"number", "43689", ISO, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ParseMoment(tc.text, tc.order)
			if (err != nil) != (tc.want == "") || m.String() != tc.want {
				t.Fatalf("got %q, %v; want %q", m, err, tc.want)
			}
			if err == nil {
				if again, err := ParseMoment(m.String(), ISO); err != nil || again != m {
					t.Errorf("%q is read back as %+v, %v", m, again, err)
				}
			}
		})
	}
}

func encode16(text string, order binary.AppendByteOrder) []byte {
	var raw []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		raw = order.AppendUint16(raw, u)
	}
	return raw
}

func TestReadShapes(t *testing.T) {
	const plain = "UPN,SKU,LicensedAsOf,DelicensedAsOf\r\nänn@x.com,SPE_E3,2019-08-12,\r\n"
	for name, raw := range map[string][]byte{
		"UTF-8":           []byte(plain),
		"byte order mark": []byte("\ufeff" + plain),
		"UTF-16 LE":       encode16(plain, binary.LittleEndian),
		"UTF-16 BE":       encode16(plain, binary.BigEndian),
		"semicolons":      []byte(strings.ReplaceAll(plain, ",", ";")),
		"tabs":            []byte(strings.ReplaceAll(plain, ",", "\t")),
		"line feeds":      []byte(strings.ReplaceAll(plain, "\r\n", "\n")),
		"blank lines":     []byte(plain + "\r\n,,,\r\n"),
		"other names":     []byte("Delicensed_As_Of;User principal name;Sku Part Number;assigned-date;When created\n;änn@x.com;SPE_E3;2019-08-12;x\n"),
		"quoted":          []byte("\"UPN\",\"SKU\",\"Assigned\"\n\"änn@x.com\",\"SPE_E3\",\"2019-08-12\"\n"),
		"short line":      []byte("UPN,SKU,Assigned,Removed\nänn@x.com,SPE_E3,2019-08-12\n"),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read(raw, Options{})
			if err != nil {
				t.Fatal(err)
			}
			records, refused, _ := linesOf(f)
			if len(records) != 1 || len(refused) != 0 {
				t.Fatalf("got %+v, %+v", records, refused)
			}
			if r := records[0]; r.UPN != "änn@x.com" || r.Licenses != "SPE_E3" || r.Assigned.String() != "2019-08-12" || !r.Removed.IsZero() {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// linesOf are the lines of a file by what they are, read a second time.
func linesOf(f *File) (records, refused, noRecord []*Line) {
	for range f.Lines() {
	}
	for l := range f.Lines() {
		switch {
		case l.NoRecord:
			noRecord = append(noRecord, l)
		case l.Reason != "":
			refused = append(refused, l)
		default:
			records = append(records, l)
		}
	}
	return records, refused, noRecord
}

func TestReadErrFile(t *testing.T) {
	for name, raw := range map[string]string{
		"empty":             "",
		"no user":           "SKU,Assigned\nE3,2019-01-01\n",
		"no license":        "UPN,Assigned\na@x,2019-01-01\n",
		"no lines":          "UPN,SKU\n",
		"Windows-1252":      "UPN,SKU\nM\xfcller@x,E3\n",
		"NUL":               "UPN,SKU\na\x00@x,E3\n",
		"half a character":  "\xff\xfeU",
		"quote not closed":  "UPN,SKU\n\"a@x,E3\nb@x,E3\n",
		"larger than bound": strings.Repeat("x", MaxFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := Read([]byte(raw), Options{}); !errors.Is(err, ErrFile) {
				t.Errorf("got %+v, %v; want ErrFile", f, err)
			}
		})
	}
}

func TestReadRefusesLines(t *testing.T) {
	text := "Object Id,UPN,Licenses,Assigned,Removed\n" +
		"1,a@x,E3,2019-13-01,\n" +
		",,E3,2019-01-01,\n" +
		",b@x,Unlicensed,,\n" +
		",c@x,E3,never,someday\n" +
		",d@x,E3,2019-01-01,,,,\n" +
		",e@x," + strings.Repeat("x", maxCell+1) + ",2019-01-01,\n" +
		",f\"@x,E3,2019-01-01,\n" +
		",g@x,E3+E5,never,N/A\n"
	f, err := Read([]byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	records, refused, _ := linesOf(f)
	for _, r := range refused {
		lines = append(lines, r.Line)
	}
	if diff := cmp.Diff([]int{2, 3, 5, 6, 7, 8}, lines); diff != "" {
		t.Errorf("refused lines (-want +got):\n%s\n%v", diff, refused)
	}
	if len(records) != 1 || records[0].Line != 9 || f.Unlicensed != 1 {
		t.Errorf("got %+v, %d unlicensed", records, f.Unlicensed)
	}
}

func TestSplitLicenses(t *testing.T) {
	known := map[string]snapshot.SKUID{"E3": "e3", "EMS": "ems", "Enterprise Mobility + Security E3": "ems"}
	match := func(word string) (snapshot.SKUID, error) {
		if id, ok := known[word]; ok {
			return id, nil
		}
		return "", errors.New("unknown " + word)
	}
	for cell, want := range map[string]string{
		"E3;EMS":                                 "e3 ems",
		"E3, EMS":                                "e3 ems",
		"E3|EMS":                                 "e3 ems",
		"E3\nEMS\n":                              "e3 ems",
		"Enterprise Mobility + Security E3, E3;": "ems e3",
		"E3;NEW":                                 "",
		"E3 EMS":                                 "",
		"E3":                                     "e3",
		"E3+EMS":                                 "e3 ems",
		"Enterprise Mobility + Security E3 + E3": "ems e3",
		"E3+Enterprise Mobility + Security E3":   "e3 ems",
		"E3+EMS+EMS+":                            "e3 ems",
		"E3+NEW":                                 "",
		"+":                                      "",
	} {
		got, err := SplitLicenses(cell, "", match)
		var words []string
		for _, id := range got {
			words = append(words, string(id))
		}
		if strings.Join(words, " ") != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %v, %v; want %q", cell, got, err, want)
		}
	}
}

func TestSplitLicenses_Separator(t *testing.T) {
	match := func(word string) (snapshot.SKUID, error) {
		if word == "E3" || word == "E5" || word == "A, B" {
			return snapshot.SKUID(word), nil
		}
		return "", errors.New("unknown " + word)
	}
	for _, test := range []struct{ cell, separator, want string }{
		{"E3 / E5", "/", "E3 E5"},
		{"E3 and E5", " and ", "E3 E5"},
		{"E3 E5", " ", "E3 E5"},
		{"E3/E5", "", ""},
		{"E3,E5", "/", ""},
		{"A, B/E3", "/", "A, B E3"},
		{"//", "/", ""},
	} {
		got, err := SplitLicenses(test.cell, test.separator, match)
		var words []string
		for _, id := range got {
			words = append(words, string(id))
		}
		if strings.Join(words, " ") != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q by %q: %v, %v; want %q", test.cell, test.separator, got, err, test.want)
		}
	}
}

// TestReadPassesOver: what stands before the names of the columns is passed over
// and named, and the lines keep their numbers.
func TestReadPassesOver(t *testing.T) {
	const table = "UPN;SKU;License;Assigned\na@x;;E3;2019-08-12\nb@x;;;\n"
	for name, test := range map[string]struct {
		text   string
		line   int    // of the record
		passed string // lines, and what they are
	}{
		"nothing":          {table, 2, "3 it names no license"},
		"a type":           {"#TYPE System.Management.Automation.PSCustomObject\r\n" + table, 3, "1 the #TYPE line of Windows PowerShell, 4 it names no license"},
		"a quoted type":    {"\"#TYPE Selected.System.String\"\n" + table, 3, "1 the #TYPE line of Windows PowerShell, 4 it names no license"},
		"a separator":      {"sep=;\n" + table, 3, "1 the line that names the separator, 4 it names no license"},
		"a title":          {"License report\n\n" + table, 4, `1 a title: "License report", 5 it names no license`},
		"a title in cells": {"License report, March;;;\n;;;\n" + table, 4, `1 a title: "License report, March;;;", 5 it names no license`},
		"several":          {"#TYPE x\nsep=;\nReport\n" + table, 5, `1 the #TYPE line of Windows PowerShell, 2 the line that names the separator, 3 a title: "Report", 6 it names no license`},
	} {
		for encoding, raw := range map[string][]byte{"UTF-8": []byte(test.text), "UTF-16": encode16(test.text, binary.LittleEndian), "UTF-16 unmarked": encode16(test.text, binary.LittleEndian)[2:]} {
			f, err := Read(raw, Options{})
			if err != nil {
				t.Errorf("%s in %s: %v", name, encoding, err)
				continue
			}
			records, _, noRecord := linesOf(f)
			var passed []string
			for _, p := range noRecord {
				passed = append(passed, fmt.Sprintf("%d %s", p.Line, p.Reason))
			}
			if got := strings.Join(passed, ", "); got != test.passed || len(records) != 1 || records[0].Line != test.line || records[0].Licenses != "E3" {
				t.Errorf("%s in %s: passed over %s; want %s; records %+v", name, encoding, got, test.passed, records)
			}
		}
	}
	_, err := Read([]byte(strings.Repeat("a title\n", maxPreamble)+table), Options{})
	if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), `the file begins with "a title"`) {
		t.Errorf("after %d titles: %v", maxPreamble, err)
	}
}

func day(text string) Moment {
	m, err := ParseMoment(text, ISO)
	if err != nil {
		panic(err)
	}
	return m
}

func TestCheck(t *testing.T) {
	now := day("2026-03-01").From
	for name, tc := range map[string]struct {
		r    Record
		want string // a part of the reason; "" for none
	}{
		"OK":               {Record{Assigned: day("2019-01-01"), Removed: day("2020-01-01")}, ""},
		"OK same day":      {Record{Assigned: day("2019-01-01"), Removed: day("2019-01-01T08:00:00Z")}, ""},
		"OK seen":          {Record{Seen: day("2019-01-01")}, ""},
		"ErrNoDate":        {Record{}, "no date"},
		"ErrBeforeLaunch":  {Record{Assigned: day("2011-06-27")}, "Office 365 began"},
		"OK launch":        {Record{Assigned: day("2011-06-28")}, ""},
		"ErrFuture":        {Record{Assigned: day("2026-03-02")}, "assigned in the future"},
		"ErrRemovedFuture": {Record{Assigned: day("2019-01-01"), Removed: day("2026-03-02")}, "removed in the future"},
		"ErrOrder":         {Record{Assigned: day("2019-01-02"), Removed: day("2019-01-01")}, "after it was removed"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check(&tc.r, now)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestConflict(t *testing.T) {
	at := func(text string) time.Time { return day(text).From }
	run := func(id snapshot.RunID, text string, held bool) Seen {
		return Seen{At: id, From: at(text), Until: at(text).Add(time.Hour), Held: held}
	}
	removed := snapshot.WindowDate(snapshot.Window{NotBefore: at("2026-03-15"), NotAfter: at("2026-03-22")})
	there := snapshot.HeldOn(at("2026-02-20"), snapshot.BasisState)
	held := Facts{Stretches: []snapshot.Stretch{{From: there, To: &removed}},
		Runs: []Seen{run(1, "2026-03-01", true), run(2, "2026-03-08", true), run(3, "2026-03-15", true), run(4, "2026-03-22", false), run(5, "2026-03-29", false)}}
	for name, tc := range map[string]struct {
		r     Record
		facts Facts
		want  string
	}{
		"OK earlier":               {Record{Assigned: day("2019-01-01")}, held, ""},
		"OK earlier period":        {Record{Assigned: day("2019-01-01"), Removed: day("2020-01-01")}, held, ""},
		"OK the same removal":      {Record{Assigned: day("2019-01-01"), Removed: day("2026-03-18")}, held, ""},
		"OK removed before first":  {Record{Assigned: day("2019-01-01"), Removed: day("2026-02-20")}, held, ""},
		"ErrHeld":                  {Record{Assigned: day("2019-01-01"), Removed: day("2026-03-10")}, held, "history shows it held since 2026-02-20"},
		"ErrHeld by evidence":      {Record{Assigned: day("2019-01-01"), Removed: day("2026-02-25")}, held, "history shows it held"},
		"ErrNotHeld":               {Record{Assigned: day("2026-03-01"), Removed: day("2026-03-30")}, held, "run 4 did not find it held"},
		"ErrNotHeld while open":    {Record{Assigned: day("2026-03-24")}, held, "run 5 did not find it held"},
		"OK may be the removal":    {Record{Assigned: day("2026-03-17")}, held, ""},
		"OK gone before tracking":  {Record{Assigned: day("2025-01-01")}, Facts{Runs: []Seen{run(1, "2026-03-01", false)}}, ""},
		"OK after the newest run":  {Record{Assigned: day("2026-04-02")}, held, ""},
		"ErrAccountYounger":        {Record{Assigned: day("2019-01-01")}, Facts{CreatedAt: at("2019-01-02")}, "created on 2019-01-02"},
		"OK account of that day":   {Record{Assigned: day("2019-01-01")}, Facts{CreatedAt: at("2019-01-01").Add(10 * time.Hour)}, ""},
		"OK nothing known of user": {Record{Seen: day("2019-01-01")}, Facts{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Conflict(&tc.r, tc.facts)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// FuzzRead feeds anything to the reader: it must refuse or read, never panic,
// and every line that it took must name a user and a license.
func FuzzRead(f *testing.F) {
	f.Add([]byte("UPN,SKU,Assigned\na@x,E3,2019-01-01\n"))
	f.Add([]byte("\ufeffObject Id;Licenses\n1;E3+E5\n"))
	f.Add(encode16("UPN,SKU\na,b\n", binary.LittleEndian))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := Read(raw, Options{})
		if err != nil {
			return
		}
		records, refused, noRecord := linesOf(file)
		if len(records)+len(refused)+len(noRecord) == 0 {
			t.Error("a file without a line is taken")
		}
		for _, r := range records {
			if r.ID == "" && r.UPN == "" || r.Licenses == "" {
				t.Errorf("took %+v", r)
			}
		}
	})
}
