package exports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lictrail/diff/audit"
	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// TestFiles reads the exports in testdata. The name of each file says which form of export
// is in it; the section "want" has the expected records. The name of a section may have
// the order of dates to read it with.
func TestFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+1 < len(archive.Files); i += 2 {
				in, want := archive.Files[i], &archive.Files[i+1]
				_, order, _ := strings.Cut(in.Name, " ")
				want.Data = []byte(describeFile(t, in.Data, Order(order)))
			}
			golden.File(t, name, string(txtar.Format(archive)))
		})
	}
}

// describeFile reads a file and describes each record.
func describeFile(t testing.TB, data []byte, order Order) string {
	t.Helper()
	files, err := Files(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, f := range files {
		if f.Name != "" {
			fmt.Fprintf(&b, "%s\n", f.Name)
		}
		for r, err := range f.Records(order) {
			if err != nil {
				fmt.Fprintf(&b, "error: %v\n", err)
				break
			}
			fmt.Fprintf(&b, "%d: %s\n", r.Line, describe(r))
		}
	}
	return b.String()
}

func describe(r *Record) string {
	if r.Refused != "" {
		return "refused: " + r.Refused
	}
	head := fmt.Sprintf("%s %q", r.Source, r.Activity)
	if r.Tenant != "" {
		head += " of " + string(r.Tenant)
	}
	record, err := audit.Read(r.Source, r.Raw)
	if err != nil {
		return head + ": " + err.Error()
	}
	e, err := record.Event()
	if err != nil {
		return head + ": " + err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n   %s %s", head, record.ID, e.At.Format(time.RFC3339Nano))
	fmt.Fprintf(&b, "\n   by %s %s", e.Actor.Kind, strings.Join(nonEmpty(e.Actor.ID, e.Actor.UPN, e.Actor.Name, e.Actor.ClientApp), ", "))
	fmt.Fprintf(&b, "\n   on %s", strings.Join(nonEmpty(e.TargetKind, string(e.Target), e.TargetUPN, string(e.Group), e.GroupName), ", "))
	if !e.Success {
		b.WriteString("\n   failed")
	}
	if e.Part != nil {
		fmt.Fprintf(&b, "\n   part %d of %d", e.Part.Seq, e.Part.Count)
	}
	if d := e.License; d != nil {
		fmt.Fprintf(&b, "\n   from %s to %s, complete=%t", licenses(d.Old), licenses(d.New), d.Complete)
	}
	return b.String()
}

func nonEmpty(list ...string) []string {
	var rest []string
	for _, s := range list {
		if s != "" {
			rest = append(rest, s)
		}
	}
	return rest
}

func licenses(set []snapshot.EventLicense) string {
	var names []string
	for _, l := range set {
		names = append(names, l.Name)
	}
	return "[" + strings.Join(names, " ") + "]"
}

// TestWrappings: the same records are read however a file is encoded and packed.
func TestWrappings(t *testing.T) {
	for _, name := range []string{"purview-csv", "entra-portal-csv", "graph-json", "azure-monitor-lines"} {
		archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		plain := archive.Files[0].Data
		want := describeFile(t, plain, UnknownOrder)
		for how, wrap := range wrappings {
			t.Run(name+" "+how, func(t *testing.T) {
				got := describeFile(t, wrap(t, plain), UnknownOrder)
				if diff := cmp.Diff(want, strings.TrimPrefix(got, "folder/a.csv\n")); diff != "" {
					t.Errorf("(-plain +wrapped)\n%s", diff)
				}
			})
		}
	}
}

var wrappings = map[string]func(*testing.T, []byte) []byte{
	"byte order mark": func(_ *testing.T, b []byte) []byte { return append([]byte("\ufeff"), b...) },
	"CRLF":            func(_ *testing.T, b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
	"UTF-16":          func(_ *testing.T, b []byte) []byte { return append([]byte{0xff, 0xfe}, utf16Bytes(b, 0, 1)...) },
	"UTF-16, big end": func(_ *testing.T, b []byte) []byte { return append([]byte{0xfe, 0xff}, utf16Bytes(b, 1, 0)...) },
	"UTF-16 unmarked": func(_ *testing.T, b []byte) []byte { return utf16Bytes(b, 0, 1) },
	"gzip":            packed,
	"zip":             func(t *testing.T, b []byte) []byte { return zipped(t, "folder/a.csv", b) },
	"gzip in zip":     func(t *testing.T, b []byte) []byte { return zipped(t, "folder/a.csv", packed(t, b)) },
	"no last newline": func(_ *testing.T, b []byte) []byte { return bytes.TrimRight(b, "\n") },
	"old end of file": func(_ *testing.T, b []byte) []byte { return append(bytes.TrimRight(b, "\n"), "\n\n\n"...) },
}

func utf16Bytes(b []byte, low, high int) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(string(b))) {
		var pair [2]byte
		pair[low], pair[high] = byte(u), byte(u>>8)
		out = append(out, pair[:]...)
	}
	return out
}

func packed(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	_, err := w.Create("__MACOSX/._a.csv")
	f, err2 := w.Create(name)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestForeignFiles(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":       {nil, "it is empty"},
		"a letter":    {[]byte("Dear Sir,\nwhere are my licenses?\n"), `begins with "Dear Sir,"`},
		"a picture":   {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "it is no text"},
		"a workbook":  {zipped(t, "[Content_Types].xml", []byte("<x/>")), "save the sheet as CSV UTF-8"},
		"zip in zip":  {zipped(t, "b.zip", zipped(t, "a.csv", []byte("AuditData\n"))), "a zip archive inside another"},
		"broken gzip": {[]byte("\x1f\x8b\x08 not really"), "read gzip"},
		"an Avro":     {[]byte("Obj\x01\x04\x14avro.codec\x08null\x16avro.schema"), "it is an Avro file, as Event Hubs Capture writes them"},
		"a page":      {[]byte("<html><body>Sign in to your account</body></html>"), "it is a page or XML"},
		"assignments": {[]byte("UserPrincipalName,SKU\nann@contoso.com,E3\n"), "neither JSON nor a table with columns of audit records"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Files(bytes.NewReader(test.data), int64(len(test.data)))
			for _, f := range files {
				err = errors.Join(err, f.Check())
			}
			if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseDate(t *testing.T) {
	for _, test := range []struct {
		cell  string
		order Order
		want  string // "" for an error
	}{
		{"2026-03-04T10:20:30.1234567Z", "", "2026-03-04T10:20:30.1234567Z"},
		{"2026-03-04T10:20:30+02:00", "", "2026-03-04T08:20:30Z"},
		{"2026-03-04T10:20:30", "", "2026-03-04T10:20:30Z"},
		{"4/16/2026 12:11:35 PM", "", "2026-04-16T12:11:35Z"},
		{"4/16/2026, 12:11:35.678 AM", "", "2026-04-16T00:11:35.678Z"},
		{"4/16/2026, 1:11:35\u202fPM", "", "2026-04-16T13:11:35Z"},
		{"16/04/2026 13:11:35", "", "2026-04-16T13:11:35Z"},
		{"16.04.2026 13:11:35", "", "2026-04-16T13:11:35Z"},
		{"03.04.2026 13:11", "", "2026-04-03T13:11:00Z"},
		{"2026/4/3 13:11:35", "", "2026-04-03T13:11:35Z"},
		{"16. 4. 2026 13:11", "", "2026-04-16T13:11:00Z"},
		{"2026. 04. 16. 13:11", "", "2026-04-16T13:11:00Z"},
		{"3/4/2026 13:11:35", "", ""},
		{"16/04/2026 13:11:35", MDY, ""},
		{"4/16/2026 13:11:35", DMY, ""},
		{"3/4/2026 13:11:35", DMY, "2026-04-03T13:11:35Z"},
		{"3/4/2026 1:11:35 p.m.", MDY, "2026-03-04T13:11:35Z"},
		{"4/4/2026 13:11:35", "", "2026-04-04T13:11:35Z"},
		{"16-4-2026 13:11:35 UTC", "", "2026-04-16T13:11:35Z"},
		{"31/02/2026 13:11:35", "", ""},
		{"1/31/2026 13:11:35 PM", "", ""},
		{"1/31/2026 25:11:35", "", ""},
		{"1/31/2026", "", ""},
		{"yesterday", "", ""},
	} {
		got, err := parseDate(test.cell, test.order)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q %s: %q, %v; want %q", test.cell, test.order, got, err, test.want)
		}
	}
}

// FuzzRecords: whatever the bytes, reading ends, and each record is one that can
// be looked at again.
func FuzzRecords(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := Files(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, file := range files {
			n := 0
			for r, err := range file.Records(UnknownOrder) {
				if err != nil {
					break
				}
				if n++; n > len(data)+1 {
					t.Fatalf("more records than bytes")
				}
				if r.Line < 1 {
					t.Errorf("line %d", r.Line)
				}
				if (r.Refused == "") != (r.Raw != nil) {
					t.Errorf("line %d: refused %q with %d bytes", r.Line, r.Refused, len(r.Raw))
				}
				if r.Refused == "" {
					again, err := audit.Look(r.Raw)
					if err != nil || again.Activity != r.Activity {
						t.Errorf("line %d: looked at twice: %+v, %v; first %+v", r.Line, again, err, r.Glance)
					}
				}
			}
		}
	})
}

// FuzzParseDate: what is read as a time is one, and does not depend on the order
// of day and month where the text itself leaves no choice.
func FuzzParseDate(f *testing.F) {
	for _, cell := range []string{"4/16/2026, 1:11:35\u202fPM", "03.04.2026 13:11", "2026/4/3 13:11:35", "3/4/2026 13:11:35", "16-4-2026 13:11:35 UTC", "x"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		at, err := parseDate(cell, UnknownOrder)
		if err != nil {
			return
		}
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
			t.Errorf("%q is read as %q", cell, at)
		}
		for _, order := range []Order{DMY, MDY} {
			if told := orderOf(cell); told != UnknownOrder && told != order {
				continue
			}
			if again, err := parseDate(cell, order); err != nil || again != at {
				t.Errorf("%q is %q, and with order %s %q, %v", cell, at, order, again, err)
			}
		}
	})
}

// FuzzRows: rows end, and a row has no more cells than its text has separators.
func FuzzRows(f *testing.F) {
	f.Add("a,b\n\"c,\"\"d\",e\n\"open\nf,g\n", byte(','))
	f.Add("a;b\r\n\r\n\"x\ny\";z", byte(';'))
	f.Fuzz(func(t *testing.T, table string, sep byte) {
		if sep == '"' || sep == '\n' || sep == '\r' || sep == ' ' {
			return
		}
		r := &rows{in: newTestReader(table), sep: sep, width: 2, line: 1}
		for n := 0; ; n++ {
			cells, line, reason, err := r.row()
			if err != nil {
				return
			}
			if n > len(table) || line > strings.Count(table, "\n")+1 || (reason == "") != (cells != nil) || len(cells) > strings.Count(table, string(rune(sep)))+1 && sep < 0x80 {
				t.Fatalf("row %d on line %d: %q %s", n, line, cells, reason)
			}
		}
	})
}

func newTestReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

// An order of day and month that a date of the file contradicts is not used for its other
// dates.
func TestRecords_OrderContradicted(t *testing.T) {
	const table = "Date (UTC),Activity,Result,ActorType,Target1Type\n3/4/2026 10:20:30,Add user,success,User,User\n4/16/2026 10:20:30,Add user,success,User,User\n"
	for order, want := range map[Order]error{UnknownOrder: nil, MDY: nil, DMY: ErrOrder} {
		files, err := Files(strings.NewReader(table), int64(len(table)))
		if err != nil {
			t.Fatal(err)
		}
		err = nil
		for _, e := range files[0].Records(order) {
			err = errors.Join(err, e)
		}
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("order %q: %v, want %v", order, err, want)
		}
	}
}
