package audit

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// text is any JSON value as text: a string's content, nothing for null, and
// anything else as written. It lets one type read values that Microsoft sends
// now as JSON and now as a string of JSON.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	}
	*t = text(b)
	return nil
}

// into decodes the JSON that the text holds; no text leaves v alone.
func (t text) into(v any) error {
	if strings.TrimSpace(string(t)) == "" {
		return nil
	}
	return json.Unmarshal([]byte(t), v)
}

// value is one side of a modified property.
type value struct {
	text string
	cut  bool // the source ends inside the value, or before it
}

// elements lists what a value holds, whichever way it is encoded: a JSON
// array, a JSON scalar or bare text. "", null and [] hold nothing. The list is
// whole unless the value is cut off, and then has every element that is all
// there. A list that is neither whole nor cut off is an error.
func (v value) elements() (list []string, whole bool, err error) {
	t := strings.TrimSpace(v.text)
	if strings.HasPrefix(t, "[") {
		return v.array(t)
	}
	var scalar text
	switch {
	case t == "":
		return nil, !v.cut, nil
	case json.Unmarshal([]byte(t), &scalar) != nil:
		return []string{t}, !v.cut, nil
	case scalar == "":
		return nil, !v.cut, nil
	}
	return []string{string(scalar)}, !v.cut, nil
}

// endsEarly reports whether the value was cut off.
func (v value) endsEarly() bool {
	_, whole, err := v.elements()
	return err == nil && !whole
}

func (v value) array(t string) (list []string, whole bool, err error) {
	dec := json.NewDecoder(strings.NewReader(t))
	dec.Token() // the "[" that the caller saw
	for dec.More() {
		var e text
		switch err := dec.Decode(&e); {
		case endsEarly(err):
			return list, false, nil
		case err != nil && len(list) == 0:
			return []string{t}, !v.cut, nil // [SkuName=…] itself, not a JSON array
		case err != nil:
			return list, false, err
		case e != "":
			list = append(list, string(e))
		}
	}
	if _, err := dec.Token(); err != nil {
		return list, false, unlessEarly(err)
	}
	if strings.TrimSpace(t[dec.InputOffset():]) != "" {
		return list, false, errors.New("text after the end of the list")
	}
	return list, !v.cut, nil
}

func endsEarly(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func unlessEarly(err error) error {
	if endsEarly(err) {
		return nil
	}
	return err
}

// first returns the first element, "" when there is none.
func (v value) first() string {
	list, _, err := v.elements()
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0]
}

// property is one modified property. Both sides are encoded values.
type property struct {
	name     string
	old, new value
}

// noObject stands for an element of a list of properties that is none. Other
// services than the directory list bare names.
const noObject = "(no object)"

// find returns the first property of that name, in any case.
func find(props []property, name string) (property, bool) {
	for _, p := range props {
		if strings.EqualFold(p.name, name) {
			return p, true
		}
	}
	return property{}, false
}

// current returns the new value of a property that has one, else the old.
func current(props []property, name string) string {
	p, _ := find(props, name)
	if s := p.new.first(); s != "" {
		return s
	}
	return p.old.first()
}

// propertyList reads a JSON list of modified properties. When the text ends
// early it returns what is there, the last property cut off, and whole is false.
func propertyList(list string) (props []property, whole bool) {
	if strings.TrimSpace(list) == "" {
		return nil, true
	}
	dec := json.NewDecoder(strings.NewReader(list))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, false
	}
	for dec.More() {
		rest := list[dec.InputOffset():]
		var element json.RawMessage
		if dec.Decode(&element) != nil {
			return appendProperty(props, strings.TrimLeft(rest, ", \t\r\n")), false
		}
		if element[0] != '{' {
			props = append(props, property{name: noObject})
			continue
		}
		props = appendProperty(props, string(element))
	}
	_, err := dec.Token()
	return props, err == nil && strings.TrimSpace(list[dec.InputOffset():]) == ""
}

// appendProperty adds the property that a JSON object describes, even one
// that is cut off, once its name can be read. Of a value that it lacks nothing is
// known: none at all is written as null, or as nothing in quotes.
func appendProperty(props []property, object string) []property {
	list, _ := members(object)
	p := property{old: value{cut: true}, new: value{cut: true}}
	for _, m := range list {
		switch strings.ToLower(m.name) {
		case "name", "displayname":
			if !m.cut && m.text != "" {
				p.name = m.text
			}
		case "oldvalue":
			p.old = m.value
		case "newvalue":
			p.new = m.value
		}
	}
	if p.name == "" {
		return props
	}
	return append(props, p)
}

// member is one member of a JSON object.
type member struct {
	name string
	value
}

// members reads a JSON object that may end early: every member that is all
// there, and the beginning of the one that is cut off.
func members(object string) (list []member, whole bool) {
	dec := json.NewDecoder(strings.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return list, false
		}
		name, _ := key.(string)
		rest := object[dec.InputOffset():]
		var t text
		if dec.Decode(&t) != nil {
			return append(list, member{name, value{beginning(rest), true}}), false
		}
		list = append(list, member{name, value{string(t), false}})
	}
	_, err := dec.Token()
	return list, err == nil && strings.TrimSpace(object[dec.InputOffset():]) == ""
}

// beginning returns what can be read of a member's value that is cut off,
// given the text after its key.
func beginning(rest string) string {
	rest = strings.TrimLeft(rest, ": \t\r\n")
	if !strings.HasPrefix(rest, `"`) {
		return rest
	}
	rest = rest[1:]
	var s string
	if json.Unmarshal([]byte(`"`+rest[:escapedLen(rest)]+`"`), &s) != nil {
		return ""
	}
	return s
}

// escapedLen returns the length of the JSON string content that s begins
// with, without an escape that is cut off at the end.
func escapedLen(s string) int {
	for i := 0; i < len(s); {
		n := 1
		if s[i] == '\\' {
			n = 2
			if strings.HasPrefix(s[i:], `\u`) {
				n = 6
			}
		}
		if s[i] == '"' || i+n > len(s) {
			return i
		}
		i += n
	}
	return len(s)
}
