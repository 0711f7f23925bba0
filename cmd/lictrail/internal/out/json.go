package out

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Schema is the version of the JSON that the commands print.
const Schema = 1

// Tenant is the organization that a document is about.
type Tenant struct {
	ID   string
	Name string // "" prints null
}

// Gap is something that an answer would have needed and that was not read.
type Gap struct {
	What   string  `json:"what"`
	Source *string `json:"source"`
	Why    string  `json:"why"`
	Since  *string `json:"since"` // it is known up to then
	Until  *string `json:"until"` // and again from then on
	Needs  *string `json:"needs"` // which source would show it
}

// Document writes a command's one JSON document, item by item, so that it needs
// no memory for all of them. After an error the document is of no use, and
// every further call returns that error.
type Document struct {
	Gaps  []Gap // may be set until the document is closed
	w     *bufio.Writer
	item  bytes.Buffer // the item under way
	items int
	err   error
}

// NewDocument begins a document.
func NewDocument(w io.Writer, tenant Tenant) *Document {
	d := &Document{w: bufio.NewWriter(w)}
	id, err := JSON(orNull(tenant.ID))
	name, err2 := JSON(orNull(tenant.Name))
	d.err = errors.Join(err, err2)
	d.write(fmt.Sprintf("{\n  \"schema\": %d,\n  \"tenant\": {\"id\": %s, \"name\": %s},\n  \"items\": [", Schema, id, name))
	return d
}

// Item adds an item, marshaled as encoding/json would.
func (d *Document) Item(item any) error {
	if d.err != nil {
		return d.err
	}
	d.item.Reset()
	if err := json.MarshalWrite(&d.item, item, itemOptions); err != nil {
		d.err = fmt.Errorf("write item %d: %w", d.items+1, err)
		return d.err
	}
	if d.items > 0 {
		d.write(",")
	}
	d.items++
	d.write("\n    ")
	if d.err == nil {
		_, d.err = d.w.Write(escapeJSON(d.item.Bytes()))
	}
	return d.err
}

// As encoding/json writes, but for < and >; items are indented below "items".
var (
	lineOptions = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsontext.EscapeForHTML(false))
	itemOptions = json.JoinOptions(lineOptions, jsontext.WithIndentPrefix("    "), jsontext.WithIndent("  "))
)

// Close ends the document. It does not close the writer below.
func (d *Document) Close() error { return d.CloseWith("", nil) }

// CloseWith is Close with one more member after the items; none for "".
func (d *Document) CloseWith(name string, value any) error {
	end := "]"
	if d.items > 0 {
		end = "\n  " + end
	}
	gaps, err := JSON(append([]Gap{}, d.Gaps...))
	d.err = cmp.Or(d.err, err)
	end += ",\n  \"gaps\": " + string(gaps)
	if name != "" {
		text, err := JSON(value)
		d.err = errors.Join(d.err, err)
		end += fmt.Sprintf(",\n  %q: %s", name, text)
	}
	d.write(end + "\n}\n")
	if d.err == nil {
		d.err = d.w.Flush()
	}
	err = d.err
	if d.err == nil {
		d.err = errors.New("the document is closed")
	}
	return err
}

func (d *Document) write(text string) {
	if d.err == nil {
		_, d.err = d.w.WriteString(text)
	}
}

// JSON returns the value as JSON on one line, with everything escaped that
// [Safe] would not print.
func JSON(value any) ([]byte, error) {
	text, err := json.Marshal(value, lineOptions)
	return escapeJSON(text), err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// EscapeJSON makes JSON of other programs such as [JSON] makes it.
func EscapeJSON(text []byte) []byte { return escapeJSON(text) }

// escapeJSON writes as \u… what [Safe] would not print: encoding/json escapes
// only some of it. Outside of strings JSON has nothing but ASCII and line
// feeds, so the value stays the same.
func escapeJSON(text []byte) []byte {
	if !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf || b == 0x7f }) {
		return text
	}
	text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	if !bytes.ContainsFunc(text, unsafeInJSON) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !unsafeInJSON(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.Bytes()
}

func unsafeInJSON(r rune) bool {
	return r != '\n' && r != utf8.RuneError && unsafe(r)
}
