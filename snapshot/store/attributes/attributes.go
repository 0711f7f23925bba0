// Package attributes is the form in which the attributes that users share are kept.
package attributes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// The attributes that users share are kept in profile.more: a JSON array with a
// place for each. A text that a second combination has becomes a row of
// attribute_word, and its number stands in its place from then on; one that a
// single combination has stands there itself, which takes less. Versions before
// kept a JSON object of names and texts: its rows stay as they were written.

// The places of profile.more. They must not change, only be added to.
const (
	Enabled   = 0 // 1, 0, or null for not given
	Texts     = 1 // those of sharedTexts, from here on: 0 for none
	Sync      = 9 // 1 or 0
	Forgotten = 10
	Kept      = 11 // the text of [snapshot.Kept]
	Places    = 12
)

// FirstTexts is how many of sharedTexts have their places from placeTexts on.
const FirstTexts = Sync - Texts

// The places of those that forget leaves; see sharedAttributes.
const (
	Location = 2
	Country  = 4
)

// Shared are the attributes with a place of their own, in their order. The last
// one has placeKept.
func Shared(a *snapshot.Attributes) [FirstTexts + 1]*string {
	return [...]*string{&a.Type, &a.UsageLocation, &a.Company, &a.Country, &a.Office, &a.JobTitle, &a.EmployeeType, &a.CreationType, (*string)(&a.Kept)}
}

// TextOf is which of sharedTexts has a place; false for a place of something else.
func TextOf(place int) (int, bool) {
	if place == Kept {
		return FirstTexts, true
	}
	return place - Texts, place >= Texts && place < Sync
}

// IsArray reports whether attributes are kept as an array.
func IsArray(more string) bool { return len(more) > 0 && more[0] == '[' }

var ErrMalformed = errors.New("attributes that are none")

// Decode sets the attributes that a profile has; forgotten reports that
// forget has erased others.
func Decode(more string, a *snapshot.Attributes, word func(id int64) (string, error)) (forgotten bool, err error) {
	if !IsArray(more) {
		erased := struct {
			*snapshot.Attributes
			Forgotten *int64 `json:"forgotten"`
		}{Attributes: a}
		if err := json.Unmarshal([]byte(more), &erased); err != nil {
			return false, fmt.Errorf("%w: attributes: %w", engine.ErrDamaged, err)
		}
		return erased.Forgotten != nil, nil
	}
	texts := Shared(a)
	err = Each(more, func(place int, number int64, text *string) (err error) {
		i, shared := TextOf(place)
		switch {
		case shared && text != nil:
			*texts[i] = *text
		case text != nil || place >= Places:
			err = ErrMalformed
		case place == Enabled:
			enabled := number != 0
			a.Enabled = &enabled
		case place == Sync:
			a.OnPremisesSync = number != 0
		case place == Forgotten:
			forgotten = true
		case number != 0:
			*texts[i], err = word(number)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("%w: attributes: %w", engine.ErrDamaged, err)
	}
	return forgotten, nil
}

// Each calls do with each element of a JSON array that is a number or, where
// text is not nil, a text. Null is left out.
func Each(array string, do func(place int, number int64, text *string) error) error {
	rest := []byte(array)[1:]
	for place := 0; ; place++ {
		if len(rest) == 0 {
			return ErrMalformed
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
				return ErrMalformed
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
				return ErrMalformed
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
			return ErrMalformed
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
