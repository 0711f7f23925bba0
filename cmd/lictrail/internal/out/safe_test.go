package out

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "Zoë Müller (IT) – 日本 👩‍💻", "Zoë Müller (IT) – 日本 👩‍💻"},
		{"escape sequence", "a\x1b[31mb", `a\x1b[31mb`},
		{"hyperlink", "\x1b]8;;http://evil\x1b\\click", `\x1b]8;;http://evil\x1b\click`},
		{"clipboard", "\x1b]52;c;ZXZpbA==\x07", `\x1b]52;c;ZXZpbA==\x07`},
		{"carriage return", "ok\rno", `ok\rno`},
		{"line feed and tab", "a\nb\tc", `a\nb\tc`},
		{"backspace and delete", "a\b\x7f", `a\x08\x7f`},
		{"NUL", "a\x00b", `a\x00b`},
		{"C1 control", "a\u009b31mb\u0090", `a\u009b31mb\u0090`},
		{"C1 byte, not UTF-8", "a\x9b31m", `a\x9b31m`},
		{"direction override", "user\u202egnp.exe", `user\u202egnp.exe`},
		{"direction isolate", "\u2066x\u2069", `\u2066x\u2069`},
		{"direction marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"invisible", "a\u200bb\ufeff\u00ad", `a\u200bb\ufeff\u00ad`},
		{"tag characters", "a\U000e0041", `a\U000e0041`},
		{"replacement character", "a\ufffd", `a\ufffd`},
		{"Persian joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"Arabic number sign", "\u0600", "\u0600"},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Safe(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b]52;c;x\x07\u202e\x9b")
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsFunc(got, unsafe) {
			t.Fatalf("Safe(%q) = %q", s, got)
		}
		if Safe(got) != got {
			t.Fatalf("Safe twice: %q", got)
		}
	})
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		in   string
		w    int
		want []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"  one   two ", 20, []string{"one two"}},
		{"abcdefgh ij", 3, []string{"abc", "def", "gh", "ij"}},
		{"日本語 テスト", 4, []string{"日本", "語", "テス", "ト"}},
		{"日", 1, []string{"日"}},
	} {
		if got := wrap(tc.in, tc.w); !slices.Equal(got, tc.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", tc.in, tc.w, got, tc.want)
		}
	}
}
