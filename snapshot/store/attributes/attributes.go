// Package attributes is the form in which the attributes that users share are kept.
package attributes

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
	return each(array, func(place int, element string) error {
		switch element[0] {
		case 'n':
			return nil
		case '"':
			var text string
			if json.Unmarshal([]byte(element), &text) != nil {
				return ErrMalformed
			}
			return do(place, 0, &text)
		}
		number, err := strconv.ParseInt(element, 10, 64)
		if err != nil {
			return ErrMalformed
		}
		return do(place, number, nil)
	})
}

// Part parts attributes that are kept as an array, as they are written: those that
// forget leaves, and the array without them. It is not ok for what is no such array.
func Part(array string) (left, others string, ok bool) {
	location, country, others, ok := part(array)
	return "[" + location + "," + country + "]", others, ok
}

// Erased is what forget leaves of attributes that are kept as an array, those of a
// row. It is not ok for what is no such array.
func Erased(array string, row any) (left string, ok bool) {
	location, country, _, ok := part(array)
	return fmt.Sprintf("[null,0,%s,0,%s,0,0,0,0,0,%v]", location, country, row), ok
}

func part(array string) (location, country, others string, ok bool) {
	location, country = "0", "0"
	b := append(make([]byte, 0, len(array)+1), '[')
	err := each(array, func(place int, element string) error {
		switch place {
		case Location:
			location, element = element, "0"
		case Country:
			country, element = element, "0"
		}
		if place > 0 {
			b = append(b, ',')
		}
		b = append(b, element...)
		return nil
	})
	return location, country, string(append(b, ']')), err == nil
}

// each calls do with each element of a JSON array of numbers, texts and nulls, as it
// is written.
func each(array string, do func(place int, element string) error) error {
	if !IsArray(array) {
		return ErrMalformed
	}
	rest := array[1:]
	if rest == "]" {
		return nil
	}
	for place := 0; ; place++ {
		end := elementEnd(rest)
		if end == 0 || end == len(rest) {
			return ErrMalformed
		}
		if err := do(place, rest[:end]); err != nil {
			return err
		}
		if rest = rest[end:]; rest == "]" {
			return nil
		}
		if rest[0] != ',' {
			return ErrMalformed
		}
		rest = rest[1:]
	}
}

// elementEnd is the index behind the element that a text begins with; 0 for none.
func elementEnd(s string) int {
	switch {
	case strings.HasPrefix(s, "null"):
		return len("null")
	case strings.HasPrefix(s, `"`):
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	}
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	return end
}
