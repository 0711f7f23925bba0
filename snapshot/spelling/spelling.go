// Package spelling decodes the escapes and encodings in a text, and folds differences of
// case and composition, so that a person is found in audit records in whatever form a
// system has written their address.
package spelling

import (
	"encoding/base64"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// maxDecodings bounds how often a text is decoded anew: JSON within JSON, within
// a query, in base64 is four.
const maxDecodings = 6

// maxBase64 bounds how deep base64 is looked for within base64: each level is up
// to six readings.
const maxBase64 = 2

// Readings calls look with a text as it stands and as it reads once its escapes
// are decoded, each time until nothing is left to decode, and with what stands in
// it as base64, until look returns true. It returns whether look did.
func Readings(text string, look func(text string) bool) bool { return readingsFrom(text, look, 0) }

func readingsFrom(text string, look func(string) bool, within int) bool {
	for range maxDecodings {
		if look(text) {
			return true
		}
		if within < maxBase64 {
			for _, inside := range base64In(text) {
				if look(inside) || utf8.ValidString(inside) && readingsFrom(inside, look, within+1) {
					return true
				}
			}
		}
		next := unescape(text)
		if next == text {
			return false
		}
		text = next
	}
	return false
}

// unescape decodes every escape of a text once: characters that are written by
// their number or their name, as in JSON and JavaScript, in URLs, in HTML, in
// quoted-printable mail, and in XML names as PowerShell and SharePoint write them.
func unescape(text string) string {
	at := strings.IndexAny(text, escapeSigns)
	if at < 0 {
		return text
	}
	var b strings.Builder
	for at >= 0 {
		b.WriteString(text[:at])
		decoded, size := unescapeFirst(text[at:])
		if size == 0 {
			decoded, size = text[at:at+1], 1
		}
		b.WriteString(decoded)
		text = text[at+size:]
		at = strings.IndexAny(text, escapeSigns)
	}
	b.WriteString(text)
	return b.String()
}

const escapeSigns = `\%&=_`

// unescapeFirst decodes the escape that a text begins with; size is 0 if it begins
// with none.
func unescapeFirst(text string) (decoded string, size int) {
	if len(text) < 2 {
		return "", 0
	}
	switch mark, next := text[0], text[1]|0x20; {
	case mark == '\\' && strings.IndexByte("\\\"'/", text[1]) >= 0:
		return text[1:2], 2
	case mark == '\\' && strings.IndexByte("rnt", text[1]) >= 0:
		return string("\r\n\t"[strings.IndexByte("rnt", text[1])]), 2
	case mark == '\\' && next == 'u' && strings.HasPrefix(text[2:], "{"):
		end := strings.IndexByte(text[:min(len(text), 10)], '}')
		if n, err := strconv.ParseUint(text[3:max(3, end)], 16, 32); err == nil {
			return string(rune(n)), end + 1
		}
	case (mark == '\\' || mark == '%') && next == 'u':
		return unescapeUnits(text)
	case mark == '_' && next == 'x' && strings.HasPrefix(text[min(len(text), 6):], "_"):
		if n, err := strconv.ParseUint(text[2:6], 16, 16); err == nil {
			return string(utf16.Decode([]uint16{uint16(n)})), 7
		}
	case mark == '\\' && next == 'x':
		return unescapeByte(text, 2)
	case mark == '%', mark == '=':
		if mark == '=' && (text[1] == '\n' || strings.HasPrefix(text[1:], "\r\n")) {
			return "", strings.IndexByte(text, '\n') + 1
		}
		return unescapeByte(text, 1)
	case mark == '&':
		if end := strings.IndexByte(text[:min(len(text), 34)], ';'); end > 0 {
			if plain := html.UnescapeString(text[:end+1]); plain != text[:end+1] {
				return plain, end + 1
			}
		}
	}
	return "", 0
}

// unescapeUnits decodes one or two units of UTF-16, such as \u0027.
func unescapeUnits(text string) (decoded string, size int) {
	var units []uint16
	for size+6 <= len(text) && text[size] == text[0] && text[size+1]|0x20 == 'u' && len(units) < 2 {
		n, err := strconv.ParseUint(text[size+2:size+6], 16, 16)
		if err != nil {
			break
		}
		units, size = append(units, uint16(n)), size+6
		if !utf16.IsSurrogate(rune(n)) {
			break
		}
	}
	return string(utf16.Decode(units)), size
}

func unescapeByte(text string, mark int) (decoded string, size int) {
	if len(text) < mark+2 {
		return "", 0
	}
	n, err := strconv.ParseUint(text[mark:mark+2], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), mark + 2
}

// base64In returns what stands in a text as base64, of either alphabet. A run may
// begin with what is not part of it, such as a key and a slash: it is read from
// behind each of its first signs as well, and so is each part between two signs.
func base64In(text string) []string {
	var found []string
	read := func(run string) {
		if inside, ok := fromBase64(run); ok {
			found = append(found, inside)
		}
	}
	for len(text) > 0 {
		begin, end := base64Run(text)
		run := text[begin:end]
		text = text[end:]
		if len(run) < 12 || plainWord(run) {
			continue
		}
		read(run)
		rest := run
		for range 3 {
			sign := strings.IndexAny(rest, base64Signs)
			if sign < 0 {
				break
			}
			rest = rest[sign+1:]
			read(rest)
		}
		if rest == run {
			continue
		}
		for part := range strings.FieldsFuncSeq(run, func(r rune) bool { return strings.ContainsRune(base64Signs, r) }) {
			read(part)
		}
	}
	return found
}

const base64Signs = "+/_-"

// base64Run finds the first run of signs of base64.
func base64Run(text string) (begin, end int) {
	for begin < len(text) && !isBase64[text[begin]] {
		begin++
	}
	for end = begin; end < len(text) && isBase64[text[end]]; {
		end++
	}
	return begin, end
}

var isBase64 = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(base64Signs, byte(c)) >= 0
	}
	return is
}()

// plainWord reports whether a run is one that records are full of and that is not
// base64: letters of one case, or an object id or another number in hexadecimal.
func plainWord(run string) bool {
	lower, upper, digit, other := false, false, false, false
	for i := range len(run) {
		switch c := run[i]; {
		case c >= '0' && c <= '9', c == '-':
			digit = true
		case c >= 'a' && c <= 'f':
			lower = true
		case c >= 'A' && c <= 'F':
			upper = true
		case c >= 'a' && c <= 'z':
			lower, other = true, true
		case c >= 'A' && c <= 'Z':
			upper, other = true, true
		default:
			other, digit = true, true
		}
	}
	return !other || !digit && lower != upper
}

var toStandard = strings.NewReplacer("-", "+", "_", "/")

// fromBase64 decodes a run, and makes UTF-8 of what is UTF-16. What makes no text
// may still hold an object id in its bytes.
func fromBase64(run string) (string, bool) {
	if len(run) < 8 {
		return "", false
	}
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	b, err := base64.RawStdEncoding.DecodeString(toStandard.Replace(run))
	if err != nil || len(b) == 0 {
		return "", false
	}
	return fromUTF16(b), true
}

// fromUTF16 makes UTF-8 of bytes that look like UTF-16, of either order.
func fromUTF16(b []byte) string {
	var zeros [2]int
	for i, c := range b {
		if c == 0 {
			zeros[i%2]++
		}
	}
	if 4*max(zeros[0], zeros[1]) < len(b) {
		return string(b)
	}
	low := 0
	if zeros[0] > zeros[1] {
		low = 1
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i+low]) | uint16(b[2*i+1-low])<<8
	}
	return string(utf16.Decode(units))
}

// Fold makes texts equal that people would call the same: case, width, the ways
// to compose a letter, and characters that do not show. Other than base64, what a
// letter looks like is not looked at: a Cyrillic а is no Latin a.
func Fold(text string) string {
	if isASCII(text) || !utf8.ValidString(text) {
		return strings.ToLower(text)
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == 0, r == 'İ', r == 'ı', r == 'ſ', unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point):
			if r == 'İ' || r == 'ı' {
				return 'i'
			}
			if r == 'ſ' {
				return 's'
			}
			return -1
		}
		return r
	}, norm.NFKC.String(text))
	return norm.NFC.String(strings.ReplaceAll(strings.ToLower(text), "ß", "ss"))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c == 0 {
			return false
		}
	}
	return true
}

// AddressForms lists, folded, the forms in which Microsoft writes an address: as it
// is; as that of a guest, with _ for @; as the name of a OneDrive folder, with _ for
// each sign; with a domain in Punycode or in letters; and, of a guest's name, the
// address that it was made of.
func AddressForms(address string) []string {
	address = Fold(strings.TrimSpace(address))
	var forms []string
	add := func(local, domain string) {
		for _, d := range []string{domain, converted(idna.ToASCII, domain), converted(idna.ToUnicode, domain)} {
			forms = append(forms, local+"@"+d, local+"_"+d, folderName.ReplaceAllString(local+"_"+d, "_"))
		}
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return []string{address}
	}
	add(address[:at], address[at+1:])
	if outside, _, guest := strings.Cut(address, "#ext#"); guest {
		if at := strings.LastIndexByte(outside, '_'); at > 0 {
			add(outside[:at], outside[at+1:])
		}
	}
	return forms
}

var folderName = regexp.MustCompile(`[^\pL\pN]`)

func converted(convert func(string) (string, error), domain string) string {
	if other, err := convert(domain); err == nil {
		return Fold(other)
	}
	return domain
}
