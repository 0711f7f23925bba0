package out

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestGate(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain ñ 漢字 🇳🇴\n", "plain ñ 漢字 🇳🇴\n"},
		{"a\x1b[31mred\x1b[0m\n", "a\\x1b[31mred\\x1b[0m\n"},
		{"\x1b]52;c;Y2FsYw==\x07", `\x1b]52;c;Y2FsYw==\x07`},
		{"one\r\ntwo\rthree\n", "one\r\ntwo\\rthree\n"},
		{"tab\there", "tab    here"},
		{"c1\u009b31m \u202e \x00 \xff\n", `c1\u009b31m \u202e \x00 \xff` + "\n"},
		{"\ufeffa", `\ufeffa`},
		{eraseLine, `\r\x1b[K`},
	} {
		for cut := range len(c.text) + 1 {
			var b bytes.Buffer
			w := gated(&b, true)
			for _, part := range []string{c.text[:cut], c.text[cut:]} {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			check(t, b.String(), c.want)
		}
	}
}

// Our own text has looks, and nothing else that a terminal obeys.
func TestGate_Own(t *testing.T) {
	var b bytes.Buffer
	if err := writeOwn(gated(&b, true), eraseLine+paint("red", Red, true)+"\x1b]0;title\x07\x1b[7m\n"); err != nil {
		t.Fatal(err)
	}
	check(t, b.String(), eraseLine+"\x1b[31mred\x1b[0m\\x1b]0;title\\x07\\x1b[7m\n")
	for _, style := range []Style{Bold, Dim, Red, Green, Yellow} {
		b.Reset()
		_ = writeOwn(gated(&b, true), paint("x", style, true))
		check(t, b.String(), paint("x", style, true))
	}
}

// Every stream to a terminal is gated, and no other.
func TestNewStreams_Gated(t *testing.T) {
	for _, tty := range []bool{true, false} {
		var outW, errW bytes.Buffer
		s := newStreams(strings.NewReader(""), &outW, &errW, func(string) string { return "" }, func(any) (bool, int) { return tty, 80 })
		s.Out.Write([]byte("\x1b[2J"))
		s.Err.Write([]byte("\x1b[2J"))
		if raw := strings.Contains(outW.String()+errW.String(), "\x1b"); raw == tty {
			t.Errorf("on a terminal: %t, raw: %t", tty, raw)
		}
	}
}

func FuzzGate(f *testing.F) {
	f.Add("a\x1b[31m\r\n\xe6", "\xbc\xa2\r")
	f.Fuzz(func(t *testing.T, a, b string) {
		var to bytes.Buffer
		w := gated(&to, true)
		w.Write([]byte(a))
		w.Write([]byte(b))
		w.Write([]byte("\n"))
		got := strings.ReplaceAll(to.String(), "\r\n", "\n")
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && (unsafe(r) || unicode.IsControl(r)) }) {
			t.Errorf("%q, %q became %q", a, b, got)
		}
	})
}
