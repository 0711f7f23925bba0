package graph

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// guid is a GUID of the wire in lower case, or a text that should have been
// one. It is judged when its row is converted, where the row's id is known.
type guid struct {
	text string
	bad  bool
}

// instant is a time of the wire, UTC, cut off to milliseconds; null and Graph's
// 0001-01-01 are the zero time. bad holds a text that is no time.
type instant struct {
	time.Time
	bad string
}

// list is an array of the wire that knows whether it was there. Its memory is
// used again for the next row.
type list[T any] struct {
	rows    []T
	present bool // neither missing nor null
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (l *list[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if l.present = dec.PeekKind() != jsontext.KindNull; !l.present {
		return dec.SkipValue()
	}
	l.rows = l.rows[:0]
	return json.UnmarshalDecode(dec, &l.rows)
}

// empty returns the list without its rows, but with their memory.
func (l list[T]) empty() list[T] { return list[T]{rows: l.rows[:0]} }

// maxInterned bounds an interner. A tenant has far fewer distinct GUIDs that
// repeat: SKUs, service plans and licensed groups.
const maxInterned = 1 << 16

// interner keeps one copy of each text that rows repeat: a page of a thousand
// users names the same few service plans sixty thousand times.
type interner struct {
	guids map[string]guid
	words map[string]string
	buf   []byte
}

// options returns decoding options under which [guid], [word] and [instant]
// share the interner. They are for one decoder at a time.
func (in *interner) options() json.Options {
	in.guids, in.words = map[string]guid{}, map[string]string{}
	return json.JoinOptions(jsonOptions, json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(in.guid), json.UnmarshalFromFunc(in.word), json.UnmarshalFromFunc(instantFrom))))
}

// word is a text of which many rows have the same, such as a department.
type word string

func (in *interner) word(dec *jsontext.Decoder, w *word) error {
	text, err := in.text(dec)
	if err != nil || text == nil {
		*w = ""
		return err
	}
	known, ok := in.words[string(text)]
	if !ok {
		known = string(text)
		if len(in.words) < maxInterned {
			in.words[known] = known
		}
	}
	*w = word(known)
	return nil
}

func (in *interner) guid(dec *jsontext.Decoder, g *guid) error {
	text, err := in.text(dec)
	if err != nil || text == nil {
		*g = guid{}
		return err
	}
	known, ok := in.guids[string(text)]
	if !ok {
		known = parseGUID(text)
		if len(in.guids) < maxInterned {
			in.guids[string(text)] = known
		}
	}
	*g = known
	return nil
}

// text reads a string, or nil for null. It is good until the next call.
func (in *interner) text(dec *jsontext.Decoder) ([]byte, error) {
	v, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	text, buf, err := unquote(in.buf[:0], v)
	in.buf = buf
	return text, err
}

var errNotText = errors.New("want a string or null")

// unquote returns what a JSON string says, or nil for null. buf serves for
// strings with escapes, and comes back for the next.
func unquote(buf []byte, v jsontext.Value) (text, kept []byte, err error) {
	switch {
	case v.Kind() == jsontext.KindNull:
		return nil, buf, nil
	case v.Kind() != jsontext.KindString:
		return nil, buf, errNotText
	case bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v):
		return v[1 : len(v)-1], buf, nil
	}
	// The decoder has checked the syntax. What can still be wrong is half a
	// surrogate pair, or a byte that is not UTF-8: it becomes U+FFFD.
	buf, _ = jsontext.AppendUnquote(buf, v)
	return buf, buf, nil
}

// parseGUID lower-cases a GUID of the form 8-4-4-4-12.
func parseGUID(text []byte) guid {
	low := bytes.ToLower(text)
	if len(low) != 36 {
		return guid{string(text), true}
	}
	for i, c := range low {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash && c != '-' || !dash && !hex {
			return guid{string(text), true}
		}
	}
	return guid{text: string(low)}
}

// isGUID reports whether s is a GUID.
func isGUID(s string) bool { return !parseGUID([]byte(s)).bad }

// instantFrom reads RFC 3339 with Z or an offset and any number of digits.
func instantFrom(dec *jsontext.Decoder, at *instant) error {
	*at = instant{}
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	text, _, err := unquote(nil, v)
	if err != nil || text == nil {
		return err
	}
	var t time.Time
	if t.UnmarshalText(text) != nil {
		at.bad = string(text)
		return nil
	}
	if t = t.UTC(); t.Year() > 1 {
		at.Time = t.Truncate(time.Millisecond)
	}
	return nil
}

// pointer returns the time, or nil for none.
func (at instant) pointer() *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at.Time
}

// rowProblem remembers the first thing that is wrong with a row.
type rowProblem struct {
	kind string // user, group, ...
	name string // the row's id
	err  error
}

func (p *rowProblem) wrong(field, text, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s %s: %s %s is not a %s",
			p.kind, strconv.QuoteToASCII(clip(p.name)), field, strconv.QuoteToASCII(clip(text)), want)
	}
}

// id checks a GUID that must be there.
func (p *rowProblem) id(field string, g guid) string {
	if g.bad || g.text == "" {
		p.wrong(field, g.text, "GUID")
	}
	return g.text
}

// optionalID checks a GUID that may be missing.
func (p *rowProblem) optionalID(field string, g guid) string {
	if g.text == "" {
		return ""
	}
	return p.id(field, g)
}

// at checks a time.
func (p *rowProblem) at(field string, t instant) time.Time {
	if t.bad != "" {
		p.wrong(field, t.bad, "time")
	}
	return t.Time
}

// ids checks GUIDs that must be there.
func ids[T ~string](p *rowProblem, field string, gs []guid) []T {
	if len(gs) == 0 {
		return nil
	}
	out := make([]T, len(gs))
	for i, g := range gs {
		out[i] = T(p.id(field, g))
	}
	return out
}
