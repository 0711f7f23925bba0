package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"lictrail/snapshot"
)

// The attributes that users share are kept in profile.more: a JSON array with a
// place for each. A text that a second combination has becomes a row of
// attribute_word, and its number stands in its place from then on; one that a
// single combination has stands there itself, which takes less. Versions before
// kept a JSON object of names and texts: its rows stay as they were written.

// The places of profile.more. They must not change, only be added to.
const (
	placeEnabled   = 0 // 1, 0, or null for not told
	placeTexts     = 1 // those of sharedTexts, from here on: 0 for none
	placeSync      = 9 // 1 or 0
	placeForgotten = 10
	placeKept      = 11 // the text of [snapshot.Kept]
	places         = 12
)

// firstTexts is how many of sharedTexts have their places from placeTexts on.
const firstTexts = placeSync - placeTexts

// sharedTexts are the attributes with a place of their own, in their order. The last
// one has placeKept.
func sharedTexts(a *snapshot.Attributes) [firstTexts + 1]*string {
	return [...]*string{&a.Type, &a.UsageLocation, &a.Company, &a.Country, &a.Office, &a.JobTitle, &a.EmployeeType, &a.CreationType, (*string)(&a.Kept)}
}

// textOfPlace is which of sharedTexts has a place; false for a place of something else.
func textOfPlace(place int) (int, bool) {
	if place == placeKept {
		return firstTexts, true
	}
	return place - placeTexts, place >= placeTexts && place < placeSync
}

// The places of those that forget leaves; see sharedAttributes.
const (
	placeLocation = 2
	placeCountry  = 4
)

// isArray reports whether attributes are kept as an array.
func isArray(more string) bool { return len(more) > 0 && more[0] == '[' }

var errAttributes = errors.New("attributes that are none")

// decodeAttributes sets the attributes that a profile has; forgotten reports that
// forget has erased others.
func decodeAttributes(more string, a *snapshot.Attributes, word func(id int64) (string, error)) (forgotten bool, err error) {
	if !isArray(more) {
		erased := struct {
			*snapshot.Attributes
			Forgotten *int64 `json:"forgotten"`
		}{Attributes: a}
		if err := json.Unmarshal([]byte(more), &erased); err != nil {
			return false, fmt.Errorf("%w: attributes: %w", ErrDamaged, err)
		}
		return erased.Forgotten != nil, nil
	}
	texts := sharedTexts(a)
	err = eachPlace(more, func(place int, number int64, text *string) (err error) {
		i, shared := textOfPlace(place)
		switch {
		case shared && text != nil:
			*texts[i] = *text
		case text != nil || place >= places:
			err = errAttributes
		case place == placeEnabled:
			enabled := number != 0
			a.Enabled = &enabled
		case place == placeSync:
			a.OnPremisesSync = number != 0
		case place == placeForgotten:
			forgotten = true
		case number != 0:
			*texts[i], err = word(number)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("%w: attributes: %w", ErrDamaged, err)
	}
	return forgotten, nil
}

// eachPlace calls do with each element of a JSON array that is a number or, where
// text is not nil, a text. Null is left out.
func eachPlace(array string, do func(place int, number int64, text *string) error) error {
	rest := []byte(array)[1:]
	for place := 0; ; place++ {
		if len(rest) == 0 {
			return errAttributes
		}
		switch c := rest[0]; {
		case c == ']' && len(rest) == 1 && place == 0:
			return nil
		case c == 'n' && bytes.HasPrefix(rest, []byte("null")):
			rest = rest[4:]
		case c == '"':
			end, ok := textEnd(rest)
			var text string
			if !ok || json.Unmarshal(rest[:end], &text) != nil {
				return errAttributes
			}
			rest = rest[end:]
			if err := do(place, 0, &text); err != nil {
				return err
			}
		default:
			end := 0
			for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
				end++
			}
			number, err := strconv.ParseInt(string(rest[:end]), 10, 64)
			if err != nil {
				return errAttributes
			}
			rest = rest[end:]
			if err := do(place, number, nil); err != nil {
				return err
			}
		}
		switch {
		case len(rest) == 1 && rest[0] == ']':
			return nil
		case len(rest) == 0 || rest[0] != ',':
			return errAttributes
		}
		rest = rest[1:]
	}
}

// textEnd is the index behind the JSON text that b begins with.
func textEnd(b []byte) (int, bool) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return 0, false
}

// attributeWords are the texts of attribute_word by number, read when they are
// asked for: a few one by one, many at once.
type attributeWords struct {
	ctx    context.Context
	q      querier
	known  map[int64]string
	missed int
}

// fewAttributeWords is how many texts are read one by one.
const fewAttributeWords = 100

func newAttributeWords(ctx context.Context, q querier) *attributeWords {
	return &attributeWords{ctx: context.WithoutCancel(ctx), q: q, known: map[int64]string{}}
}

func (w *attributeWords) text(id int64) (string, error) {
	if text, ok := w.known[id]; ok {
		return text, nil
	}
	if w.missed++; w.missed == fewAttributeWords {
		all, err := allAttributeWords(w.ctx, w.q)
		if err != nil {
			return "", err
		}
		w.known = all
		if text, ok := w.known[id]; ok {
			return text, nil
		}
	}
	var text string
	if err := w.q.QueryRowContext(w.ctx, "SELECT text FROM attribute_word WHERE id = ?", id).Scan(&text); err != nil {
		return "", fmt.Errorf("read text %d of attributes: %w", id, classify(err))
	}
	w.known[id] = text
	return text, nil
}

func allAttributeWords(ctx context.Context, q querier) (map[int64]string, error) {
	all, err := pairs[int64, string](ctx, q, "SELECT id, text FROM attribute_word")
	if err != nil {
		return nil, fmt.Errorf("read the texts of attributes: %w", classify(err))
	}
	return all, nil
}

// profileKey is what two combinations of attributes have in common that are the same.
type profileKey [16]byte

func keyOfProfile(department string, a *snapshot.Attributes) profileKey {
	b := make([]byte, 0, 256)
	add := func(text string) { b = append(append(b, text...), 0) }
	add(department)
	for _, text := range sharedTexts(a) {
		add(*text)
	}
	enabled := byte(2)
	if a.Enabled != nil {
		enabled = 0
		if *a.Enabled {
			enabled = 1
		}
	}
	sum := sha256.Sum256(append(strconv.AppendBool(b, a.OnPremisesSync), enabled))
	return profileKey(sum[:16])
}

// profiles knows the combinations of attributes that are kept, by a hash: an index
// in the database would hold nearly everybody's attributes a second time.
type profiles struct {
	rows     map[profileKey]int64
	words    map[string]int64 // the number of a text; 0 for one that a single combination has
	last     int64
	lastWord int64
}

// maxAttributeWords bounds the memory for texts. One that comes later stands in its
// combination itself.
const maxAttributeWords = 1 << 19

// loadProfiles learns which combinations and texts there are.
func loadProfiles(ctx context.Context, q querier) (*profiles, error) {
	p := &profiles{rows: map[profileKey]int64{}, words: map[string]int64{}}
	texts, err := allAttributeWords(ctx, q)
	if err != nil {
		return nil, err
	}
	for id, text := range texts {
		if p.lastWord = max(p.lastWord, id); !isStandIn(text) {
			p.words[text] = id
		}
	}
	word := func(id int64) (string, error) {
		text, ok := texts[id]
		if !ok {
			return "", errAttributes
		}
		return text, nil
	}
	err = eachRow(ctx, q, "SELECT id, department, more FROM profile", nil, func(values []any) error {
		id, _ := values[0].(int64)
		p.last = max(p.last, id)
		var a snapshot.Attributes
		more := textOf(values[2])
		forgotten, err := decodeAttributes(more, &a, word)
		if err != nil || forgotten {
			return err
		}
		if key := keyOfProfile(textOf(values[1]), &a); p.rows[key] == 0 {
			p.rows[key] = id
		}
		if !isArray(more) {
			return nil
		}
		for _, text := range sharedTexts(&a) {
			if _, ok := p.words[*text]; !ok {
				p.remember(*text)
			}
		}
		return nil
	})
	return p, err
}

func (p *profiles) remember(text string) {
	if len(p.words) < maxAttributeWords {
		p.words[text] = 0
	}
}

// profile returns the row of a combination of attributes.
func (w *writer) profile(department string, a *snapshot.Attributes) (int64, error) {
	if w.profiles == nil {
		err := w.pass(func() (err error) {
			w.profiles, err = loadProfiles(w.ctx, w.tx)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	p := w.profiles
	key := keyOfProfile(department, a)
	if id, ok := p.rows[key]; ok {
		return id, nil
	}
	more, err := w.attributesArray(a)
	if err != nil {
		return 0, err
	}
	p.last++
	p.rows[key] = p.last
	return p.last, w.later("profile", []string{"id", "department", "more"}, p.last, department, more)
}

// attributesArray is what is kept of attributes in profile.more.
func (w *writer) attributesArray(a *snapshot.Attributes) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, '[')
	switch {
	case a.Enabled == nil:
		b = append(b, "null"...)
	case *a.Enabled:
		b = append(b, '1')
	default:
		b = append(b, '0')
	}
	end := len(b) // behind the last place that says something
	for i, text := range sharedTexts(a) {
		switch {
		case i < firstTexts:
		case a.OnPremisesSync:
			b = append(b, ",1"...)
			end = len(b)
		default:
			b = append(b, ",0"...)
		}
		if i == firstTexts {
			b = append(b, ",null"...) // forget erases all but location and country
		}
		b = append(b, ',')
		if *text == "" {
			b = append(b, '0')
			continue
		}
		var err error
		if b, err = w.attributeWord(b, *text); err != nil {
			return "", err
		}
		end = len(b)
	}
	return string(append(b[:end], ']')), nil
}

// attributeWord appends the number of a text, or the text where no other combination
// is known to have it.
func (w *writer) attributeWord(b []byte, text string) ([]byte, error) {
	p := w.profiles
	id, seen := p.words[text]
	if !seen {
		p.remember(text)
		quoted, err := json.Marshal(text)
		return append(b, quoted...), err
	}
	if id == 0 {
		p.lastWord++
		id = p.lastWord
		p.words[text] = id
		if err := w.later("attribute_word", []string{"id", "text"}, id, text); err != nil {
			return nil, err
		}
	}
	return strconv.AppendInt(b, id, 10), nil
}
