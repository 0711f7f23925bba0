// Package words compares what people type with the names of things, word by word, without
// regard to case, accents, punctuation and invisible characters.
package words

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Rule numbers the way in which [Of] makes words. An index of words that was made
// by another rule must be made anew.
const Rule = 1

// plain are letters that Unicode does not take apart into a letter and an accent.
var plain = map[rune]string{'ß': "ss", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'æ': "ae", 'œ': "oe", 'ı': "i", 'þ': "th", 'ħ': "h"}

// Of returns the words of a text, folded: letters and digits in lower case and
// without accents. Apostrophes and characters that do not show (control
// characters, marks of direction) are left out; everything else that is neither a
// letter nor a digit ends a word.
func Of(text string) []string {
	return strings.Fields(fold(text))
}

func fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		switch r = unicode.ToLower(r); {
		case r == '\'' || r == '’' || r == '`' || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		case r == '\t' || r == '\n' || r == '\r':
			b.WriteByte(' ')
		case unicode.IsControl(r):
		case plain[r] != "":
			b.WriteString(plain[r])
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mc, r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Rank says how well a name fits what was typed; the smaller, the better.
type Rank int

const (
	Whole    Rank = iota + 1 // it is the name
	Begins                   // each word typed begins a word of the name
	Anywhere                 // what was typed is somewhere within
	No
)

// Query is what somebody typed to find something by its name.
type Query struct {
	Text  string // without the spaces around it
	Words []string
	lower string
	whole string
}

// NewQuery reads what was typed.
func NewQuery(text string) Query {
	text = strings.TrimSpace(text)
	q := Query{Text: text, Words: Of(text), lower: strings.ToLower(text)}
	q.whole = strings.Join(q.Words, " ")
	return q
}

// Empty reports whether nothing was typed by which something could be found.
func (q Query) Empty() bool { return len(q.Words) == 0 }

// Longest is the longest word: usually the one that the fewest names have.
func (q Query) Longest() string {
	longest := ""
	for _, w := range q.Words {
		if len(w) > len(longest) {
			longest = w
		}
	}
	return longest
}

// Name ranks a name such as "Meyer, Ann". The order of the words does not count.
func (q Query) Name(name string) Rank {
	if q.Empty() || name == "" {
		return No
	}
	have := Of(name)
	switch whole := strings.Join(have, " "); {
	case whole == q.whole || sameWords(have, q.Words):
		return Whole
	case begins(have, q.Words):
		return Begins
	case strings.Contains(whole, q.whole) || strings.Contains(strings.ToLower(name), q.lower) || contains(have, q.Words):
		return Anywhere
	}
	return No
}

// Address ranks a UPN or a mail address. Its domain counts only where a part of
// the address was typed as it is.
func (q Query) Address(address string) Rank {
	if q.Empty() || address == "" {
		return No
	}
	lower := strings.ToLower(address)
	if lower == q.lower {
		return Whole
	}
	local := Local(address)
	switch have := Of(local); {
	case strings.HasPrefix(lower, q.lower), !strings.Contains(q.Text, "@") && begins(have, q.Words):
		return Begins
	case strings.Contains(lower, q.lower), !strings.Contains(q.Text, "@") && contains(have, q.Words):
		return Anywhere
	}
	return No
}

// Local is what stands before the last @ of an address, or all of it.
func Local(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[:i]
	}
	return address
}

// fits reports whether every wanted word has one of its own that is like it: one
// that is had twice may be wanted twice.
func fits(have, want []string, like func(have, want string) bool) bool {
	used := make([]bool, len(have))
	for _, w := range want {
		found := false
		for i, h := range have {
			if !used[i] && like(h, w) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func sameWords(have, want []string) bool {
	return len(have) == len(want) && fits(have, want, func(h, w string) bool { return h == w })
}

// begins takes whole words first, so that "Ann A" finds "Ann Anders".
func begins(have, want []string) bool {
	var rest, left []string
	left = append(left, have...)
	for _, w := range want {
		whole := false
		for i, h := range left {
			if h == w {
				left = append(left[:i:i], left[i+1:]...)
				whole = true
				break
			}
		}
		if !whole {
			rest = append(rest, w)
		}
	}
	return fits(left, rest, strings.HasPrefix)
}

func contains(have, want []string) bool { return fits(have, want, strings.Contains) }
