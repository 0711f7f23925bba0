package out

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

type item struct {
	Name  string          `json:"name"`
	Count *int            `json:"count"`
	List  []int           `json:"list"`
	Sub   struct{ A int } `json:"sub"`
}

func TestDocument(t *testing.T) {
	var b bytes.Buffer
	d := NewDocument(&b, Tenant{ID: "id-1", Name: "Contoso & Söhne <x>"})
	for _, it := range []any{item{Name: "a<b"}, 7} {
		if err := d.Item(it); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, b.String(), `{
  "schema": 1,
  "tenant": {"id": "id-1", "name": "Contoso & Söhne <x>"},
  "items": [
    {
      "name": "a<b",
      "count": null,
      "list": null,
      "sub": {
        "A": 0
      }
    },
    7
  ],
  "gaps": []
}
`)
	if !json.Valid(b.Bytes()) {
		t.Error("not valid JSON")
	}
}

func TestDocument_NoItems(t *testing.T) {
	var b bytes.Buffer
	if err := NewDocument(&b, Tenant{}).Close(); err != nil {
		t.Fatal(err)
	}
	check(t, b.String(), "{\n  \"schema\": 1,\n  \"tenant\": {\"id\": null, \"name\": null},\n  \"items\": [],\n  \"gaps\": []\n}\n")
	if !json.Valid(b.Bytes()) {
		t.Error("not valid JSON")
	}
}

// What a terminal must not get is escaped, and means the same to a parser.
func TestDocument_IsSafe(t *testing.T) {
	const nasty = "\x1b[31m \u009b \x7f \u202e \u2028 \U000e0041 \x00 \ufeff 日本 👩‍💻"
	var b bytes.Buffer
	d := NewDocument(&b, Tenant{ID: nasty})
	d.Item(map[string]string{nasty: nasty})
	d.Item(json.RawMessage(`"raw \ud800 ` + "\u202e\x9b" + `"`))
	d.Item(json.RawMessage("\"broken \x9b\""))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(b.Bytes()) || strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && r != '\ufffd' && unsafe(r) }) {
		t.Errorf("unsafe: %q", b.String())
	}
	var got struct {
		Tenant struct{ ID string }
		Items  []any
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tenant.ID != nasty || got.Items[0].(map[string]any)[nasty] != nasty {
		t.Errorf("the meaning changed: %q", got)
	}
}

func TestDocument_Err(t *testing.T) {
	var b bytes.Buffer
	d := NewDocument(&b, Tenant{})
	err := d.Item(math.NaN())
	if err == nil || !strings.HasPrefix(err.Error(), "write item 1: ") {
		t.Fatalf("got %v", err)
	}
	if d.Item(1) != err || d.Item(math.Inf(1)) != err || d.Close() != err {
		t.Error("the document went on after an error")
	}
	if b.Len() != 0 {
		t.Errorf("half a document was written: %q", b.String())
	}

	broken := NewDocument(&brokenWriter{}, Tenant{})
	if err := broken.Item(strings.Repeat("x", 10_000)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if err := broken.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: %v", err)
	}

	closed := NewDocument(&b, Tenant{})
	closed.Close()
	if closed.Item(1) == nil {
		t.Error("an item after the end was taken")
	}
}
