package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// NewTenant is a table [[tenant]] that is to be added.
type NewTenant struct {
	Comment string // one line above it; "" for none
	Name    string
	DB      string
	ID      string // of the tenant
}

// AddTenants returns a file with tables added at its end. Every byte that was in it
// stays as it was.
func AddTenants(name string, data []byte, add []NewTenant) ([]byte, error) {
	before, err := Parse(name, data)
	if err != nil || len(add) == 0 {
		return data, err
	}
	end := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	}
	var b bytes.Buffer
	b.Write(data)
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		b.WriteString(end)
	}
	for _, t := range add {
		if strings.ContainsFunc(t.Comment, unicode.IsControl) {
			return nil, &Error{File: name, Message: fmt.Sprintf("%q cannot be a comment", t.Comment)}
		}
		if b.Len() > 0 {
			b.WriteString(end)
		}
		if t.Comment != "" {
			b.WriteString("# " + t.Comment + end)
		}
		b.WriteString("[[tenant]]" + end)
		for _, s := range []Setting{{"name", t.Name}, {"db", t.DB}, {"tenant", t.ID}} {
			b.WriteString(s.Key + " = " + strconv.Quote(s.Text) + end)
		}
	}
	after, err := Parse(name, b.Bytes())
	if err != nil {
		return nil, err
	}
	n := len(before.Tenants)
	same := len(after.Tenants) == n+len(add) && reflect.DeepEqual(after.Values, before.Values) && (n == 0 || reflect.DeepEqual(after.Tenants[:n], before.Tenants))
	for i := 0; same && i < len(add); i++ {
		t := after.Tenants[n+i]
		same = t.Name == add[i].Name && t.Values["db"].Text() == add[i].DB && t.Values["tenant"].Text() == add[i].ID
	}
	if !same {
		return nil, &Error{File: name, Message: "tables [[tenant]] cannot be added at its end without changing what it says", Hint: "write them by hand"}
	}
	return b.Bytes(), nil
}
