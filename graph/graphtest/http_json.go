package graphtest

import (
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// member is one field of an object.
type member struct {
	name  string
	value any
}

// object is a JSON object whose fields keep the order they are given.
type object []member

// MarshalJSONTo writes the fields in their order.
func (o object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// shuffled puts the fields in random order.
func (o object) shuffled(r *rand.Rand) object {
	r.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	return o
}

// text encodes a value made of plain data, which cannot fail.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// pretty encodes a value over several lines, as the unified audit log does.
func pretty(v any) string {
	b := jsontext.Value(text(v))
	if err := b.Indent(jsontext.WithIndent("  ")); err != nil {
		return "null"
	}
	var out []byte
	for _, c := range b {
		if c == '\n' {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return string(out)
}

// null returns nil for "", so that JSON shows null.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// stamped is a time as Graph writes it, null when zero.
func stamped(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format("2006-01-02T15:04:05Z")
}
