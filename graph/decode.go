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

// maxInternedText is the longest text that is kept for the next row.
const maxInternedText = 256

// interner keeps one copy of each text that rows repeat: a page of a thousand
// users names the same few service plans sixty thousand times.
type interner struct {
	guids map[string]guid
	words map[string]string
	times map[string]instant // a few: plans that came together have one date
	buf   []byte

	page  *jsontext.Decoder // of the page that is being read
	spent int               // elements of its lists

	// cut says whether a text stands in the place of plans, and puts them there;
	// nil: none does.
	cut func(jsontext.Value, *list[wirePlan]) (bool, error)
}

// options returns decoding options under which [guid], [word] and [instant]
// share the interner. They are for one decoder at a time.
func (in *interner) options() json.Options {
	in.guids, in.words, in.times = map[string]guid{}, map[string]string{}, map[string]instant{}
	return json.JoinOptions(jsonOptions, json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(in.guid), json.UnmarshalFromFunc(in.sharedText), json.UnmarshalFromFunc(in.instant),
		json.UnmarshalFromFunc(in.plans),
		elements[wireLicense](in), elements[wirePlan](in), elements[wireState](in), elements[wireServicePlan](in), elements[guid](in), elements[string](in))))
}

// plans reads assignedPlans token by token: it is nine tenths of a page, and
// reflection would take three times as long.
func (in *interner) plans(dec *jsontext.Decoder, l *list[wirePlan]) error {
	*l = l.empty()
	if l.present = dec.PeekKind() != jsontext.KindNull; !l.present {
		return dec.SkipValue()
	}
	if in.cut != nil && dec.PeekKind() == jsontext.KindString {
		return in.marker(dec, l)
	}
	if err := open(dec, jsontext.KindBeginArray, "assignedPlans"); err != nil {
		return err
	}
	for dec.PeekKind() == jsontext.KindBeginObject {
		if err := in.spend(dec); err != nil {
			return err
		}
		var p wirePlan
		if err := in.plan(dec, &p); err != nil {
			return err
		}
		l.rows = append(l.rows, p)
	}
	end, err := dec.ReadToken()
	if err == nil && end.Kind() != jsontext.KindEndArray {
		return fmt.Errorf("plan %d is no object but %v", len(l.rows)+1, end.Kind())
	}
	return err
}

// marker reads a text where plans should be.
func (in *interner) marker(dec *jsontext.Decoder, l *list[wirePlan]) error {
	in.turn(dec)
	text, err := dec.ReadValue()
	if err != nil {
		return err
	}
	taken, err := in.cut(text, l)
	if err == nil && !taken {
		err = fmt.Errorf("assignedPlans starts with %v, want %v", text.Kind(), jsontext.KindBeginArray)
	}
	return err
}

func (in *interner) plan(dec *jsontext.Decoder, p *wirePlan) error {
	_, err := dec.ReadToken() // the brace that plans has seen
	for err == nil && dec.PeekKind() == jsontext.KindString {
		var name []byte
		if name, err = fieldName(dec); err != nil {
			return err
		}
		switch string(name) {
		case "servicePlanId":
			err = in.guid(dec, &p.ServicePlanID)
		case "capabilityStatus":
			err = in.sharedText(dec, &p.CapabilityStatus)
		case "assignedDateTime":
			err = in.instant(dec, &p.AssignedDateTime)
		default:
			err = dec.SkipValue()
		}
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	return err
}

// word is a text of which many rows have the same, such as a department.
type sharedText string

func (in *interner) sharedText(dec *jsontext.Decoder, w *sharedText) error {
	known, err := look(in, dec, in.words, maxInterned, func(text []byte) string { return string(text) })
	*w = sharedText(known)
	return err
}

func (in *interner) guid(dec *jsontext.Decoder, g *guid) (err error) {
	*g, err = look(in, dec, in.guids, maxInterned, parseGUID)
	return err
}

func (in *interner) instant(dec *jsontext.Decoder, at *instant) (err error) {
	if len(in.times) == maxTimes {
		clear(in.times)
	}
	*at, err = look(in, dec, in.times, maxTimes, parseInstant)
	return err
}

// look reads a string, or null, which is the zero T. What it means is found
// under the string as it was written, so that a known one is not even unquoted.
func look[T any](in *interner, dec *jsontext.Decoder, known map[string]T, limit int, parse func([]byte) T) (found T, err error) {
	v, err := dec.ReadValue()
	if err != nil {
		return found, err
	}
	if found, ok := known[string(v)]; ok {
		return found, nil
	}
	text, buf, err := unquote(in.buf[:0], v)
	in.buf = buf
	if err != nil || text == nil {
		return found, err
	}
	found = parse(text)
	if len(known) < limit && len(v) <= maxInternedText {
		known[string(v)] = found
	}
	return found, nil
}

// fieldName reads the name of a member. It is good until the next read.
func fieldName(dec *jsontext.Decoder) ([]byte, error) {
	v, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	name, _, err := unquote(nil, v)
	return name, err
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

// maxTimes bounds the times that an interner keeps: those of the last users.
const maxTimes = 64

// parseInstant reads RFC 3339 with Z or an offset and any number of digits.
func parseInstant(text []byte) instant {
	var t time.Time
	if t.UnmarshalText(text) != nil {
		return instant{bad: string(text)}
	}
	if t = t.UTC(); t.Year() <= 1 {
		return instant{}
	}
	return instant{Time: t.Truncate(time.Millisecond)}
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
