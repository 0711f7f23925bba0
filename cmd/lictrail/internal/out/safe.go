package out

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Safe returns the string with every character made visible that could steer a
// terminal or deceive the reader: control characters (ESC, CR, LF, backspace,
// NUL, C1), marks that turn the direction of text, other invisible characters,
// and bytes that are not UTF-8. Printable text comes back as it is.
func Safe(s string) string {
	if simple(s) || !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else if unsafe(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// unsafe reports whether a character must not reach a terminal. The joiners of
// Persian and of emoji are harmless; so are Arabic number signs, which show.
func unsafe(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return false
	case utf8.RuneError, '\u2028', '\u2029':
		return true
	}
	return unicode.IsControl(r) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// metric measures text as terminals show it, the same in every locale.
var metric = &runewidth.Condition{StrictEmojiNeutral: true}

// width returns how many columns the text takes.
func width(s string) int {
	if simple(s) {
		return len(s)
	}
	return metric.StringWidth(s)
}

// simple reports whether a text is printable ASCII, as most are: each byte is safe, and
// takes one column.
func simple(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shorten cuts the text to the width, with an ellipsis where it was cut.
func shorten(s string, w int) string { return metric.Truncate(s, w, "…") }

// breaks are the signs behind which a word may be broken.
const breaks = "@._-/,;"

// wrap breaks the text between words into lines of the width. Words that are longer
// than a line are broken too, behind a sign such as @ or _ where they have one.
func wrap(s string, w int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && width(line)+1+width(word) <= w {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; width(line) > w; {
			head := metric.Truncate(line, w, "")
			if head == "" {
				break
			}
			if at := strings.LastIndexAny(head, breaks); at > len(head)/3 {
				head = head[:at+1]
			}
			lines = append(lines, head)
			line = line[len(head):]
		}
	}
	return append(lines, line)
}
