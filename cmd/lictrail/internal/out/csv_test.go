package out

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func writeCSV(t *testing.T, tty bool, rows ...[]any) string {
	t.Helper()
	var b bytes.Buffer
	c := NewCSV(&b, true, tty, "a", "b")
	for _, row := range rows {
		if err := c.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type word string

func TestCSV(t *testing.T) {
	n := -4
	at := time.Date(2026, 3, 5, 12, 11, 0, 5e8, time.FixedZone("", 2*3600))
	got := writeCSV(t, false,
		[]any{"plain", 1},
		[]any{"com,ma", `qu"ote`},
		[]any{"line\r\nfeed", "semi;colon"},
		[]any{nil, ""},
		[]any{-3, -1.5},
		[]any{at, true},
		[]any{&n, (*int)(nil)},
		[]any{&at, time.Time{}},
		[]any{word("=w"), stringer{}},
		[]any{(*stringer)(nil), &stringer{}},
		[]any{" padded ", "bad\xff"},
	)
	check(t, got, "\ufeffa,b\r\n"+
		"plain,1\r\n"+
		"\"com,ma\",\"qu\"\"ote\"\r\n"+
		"\"line\r\nfeed\",\"semi;colon\"\r\n"+
		",\r\n"+
		"-3,-1.5\r\n"+
		"2026-03-05T10:11:00.5Z,true\r\n"+
		"-4,\r\n"+
		"2026-03-05T10:11:00.5Z,\r\n"+
		"'=w,str\x1b\r\n"+
		",str\x1b\r\n"+
		"\" padded \",bad\ufffd\r\n")
}

func TestCSV_Mark(t *testing.T) {
	var b bytes.Buffer
	NewCSV(&b, false, false, "only").Close()
	check(t, b.String(), "only\r\n")
	b.Reset()
	c := NewCSV(&b, true, true, "only")
	c.Row("")
	c.Close()
	check(t, b.String(), "only\r\n\"\"\r\n")
}

// The characters that OWASP lists, and the ways around a check for them.
func TestCSV_Formulas(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1":               "'=1+1",
		"+49 30 1234":        "'+49 30 1234",
		"-1":                 "'-1",
		"@SUM(A1)":           "'@SUM(A1)",
		"\t=1":               "'\t=1",
		"\tx":                "'\tx",
		"\r=1":               "'\r=1",
		"\nx":                "'\nx",
		"  =1":               "'  =1",
		" \u00a0=1":          "' \u00a0=1",
		"\u200b=1":           "'\u200b=1",
		"＝1":                 "'＝1",
		"＋1":                 "'＋1",
		"－1":                 "'－1",
		"＠x":                 "'＠x",
		"'=1":                "''=1",
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
		"=1\",\"=2":          "'=1\",\"=2",
		"a=1":                "a=1",
		"a\n=1":              "a\n=1",
		"'\tx":               "''\tx",
		"'quoted'":           "'quoted'",
		"O'Hara":             "O'Hara",
		"a-b":                "a-b",
		"":                   "",
		"'":                  "'",
		" ":                  " ",
		"NUL\x00":            `NUL\x00`,
	} {
		text := writeCSV(t, false, []any{cell, cell})
		rows, err := csv.NewReader(strings.NewReader(keepCR(text))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range rows[1] {
			if restoreCR(got) != want {
				t.Errorf("column %d: %q became %q, want %q", i, cell, restoreCR(got), want)
			}
		}
	}
}

// encoding/csv turns CR LF within quotes into LF; these keep CR out of its way.
func keepCR(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\x01"), "\r", "\x02"), "\x01", "\n")
}

func restoreCR(cell string) string { return strings.ReplaceAll(cell, "\x02", "\r") }

func TestCSV_Terminal(t *testing.T) {
	check(t, writeCSV(t, true, []any{"a\x1b]52;c;x\x07", "=1\n\u202e"}), "a,b\r\n\"a\\x1b]52;c;x\\x07\",'=1\\n\\u202e\r\n")
}

func TestCSV_Err(t *testing.T) {
	var b bytes.Buffer
	c := NewCSV(&b, true, false, "a", "b")
	if err := c.Row("one"); err == nil {
		t.Error("a short row was taken")
	}
	if c.Row("x", "y") == nil || c.Close() == nil || b.Len() != 0 {
		t.Error("the table went on after an error")
	}
	c = NewCSV(&b, true, false, "a")
	if err := c.Row([]string{"x"}); err == nil || err.Error() != "a []string does not go into a CSV cell" {
		t.Errorf("got %v", err)
	}
	c = NewCSV(&brokenWriter{}, true, false, "a")
	c.Row("x")
	if err := c.Close(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// parseCSV is an independent reader of RFC 4180.
func parseCSV(text string) (rows [][]string, ok bool) {
	var row []string
	for i := 0; i < len(text); {
		var cell string
		if text[i] == '"' {
			for i++; ; {
				j := strings.IndexByte(text[i:], '"')
				if j < 0 {
					return nil, false
				}
				cell += text[i : i+j]
				i += j + 1
				if i >= len(text) || text[i] != '"' {
					break
				}
				cell += `"`
				i++
			}
		} else {
			j := strings.IndexAny(text[i:], ",\r")
			if j < 0 {
				return nil, false
			}
			cell = text[i : i+j]
			i += j
		}
		row = append(row, cell)
		switch {
		case strings.HasPrefix(text[i:], ","):
			i++
		case strings.HasPrefix(text[i:], "\r\n"):
			i += 2
			rows, row = append(rows, row), nil
		default:
			return nil, false
		}
	}
	return rows, row == nil
}

// unguard takes the apostrophe off again: the law is that nothing but NUL and
// broken UTF-8 is lost.
func unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"", "=1", "''=1", "a\"b,c\r\nd", "\u00a0 -1", "\ufeff=", "x\x00\xff", "\v=", ",", "\""} {
		f.Add(seed, "plain", true)
	}
	f.Fuzz(func(t *testing.T, a, b string, mark bool) {
		var buf bytes.Buffer
		c := NewCSV(&buf, mark, false, "one", "two", "three")
		c.Row(a, -7, b)
		c.Row(b, nil, a)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimPrefix(buf.String(), "\ufeff")
		if mark == (text == buf.String()) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Fatalf("%q", buf.String())
		}
		rows, ok := parseCSV(text)
		if !ok || len(rows) != 3 || len(rows[1]) != 3 || len(rows[2]) != 3 {
			t.Fatalf("not RFC 4180: %q", text)
		}
		for i, want := range []string{a, "-7", b, b, "", a} {
			got := rows[1+i/3][i%3]
			want = strings.ReplaceAll(strings.ToValidUTF8(want, "\ufffd"), "\x00", `\x00`)
			if i != 1 && got != "" && (strings.ContainsRune("=+-@\t\r\n", rune(got[0])) || formula(got) && got[0] != '\'') {
				t.Fatalf("a formula: %q", got)
			}
			if i != 1 {
				got = unguard(got)
			}
			if got != want {
				t.Fatalf("%q came back as %q", want, got)
			}
		}
	})
}
