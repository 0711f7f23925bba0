package graph

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"lictrail/snapshot"
)

// prints is a memory of rows, as package track has one.
type prints map[[16]byte]snapshot.RowPrint

func (p prints) known(id [16]byte) (snapshot.RowPrint, bool) {
	print, ok := p[id]
	return print, ok
}

var rowKey = [16]byte{1, 2, 3}

func (p prints) learn(rows []snapshot.UserRow) {
	for _, u := range rows {
		if id, ok := u.ID.GUID(); ok {
			p[id] = u.Print
		}
	}
}

// reading reads pages, one after the other, with one memo.
type reading struct {
	rows *userRows
	pg   page[snapshot.UserRow]
}

func newReading(key [16]byte, known func([16]byte) (snapshot.RowPrint, bool)) *reading {
	rows := newUserRows(key, known)
	return &reading{rows, page[snapshot.UserRow]{opts: rows.in.options(), row: rows.row, filter: rows.page, key: func(u snapshot.UserRow) string { return string(u.ID) }}}
}

func (r *reading) read(in io.Reader) ([]snapshot.UserRow, error) {
	err := r.pg.read(in)
	return r.pg.rows, err
}

// mustReadAlike reads a page in every way, and returns it as the decoder reads it
// when it sees all bytes; nil when it takes none of it.
func mustReadAlike(t *testing.T, body []byte) *page[snapshot.UserRow] {
	t.Helper()
	want := decodedPage()
	wantErr := want.read(bytes.NewReader(body))
	same := func(how string, rows []snapshot.UserRow, next string, err error, before []snapshot.UserRow) {
		t.Helper()
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: %v, the decoder alone: %v\n%.2000q", how, err, wantErr, body)
		}
		if err != nil {
			return
		}
		if len(rows) != len(want.rows) || next != want.next {
			t.Fatalf("%s: %d rows, %q; the decoder alone: %d, %q\n%.2000q", how, len(rows), next, len(want.rows), want.next, body)
		}
		for i := range rows {
			got := rows[i]
			if got.Unchanged {
				if got.ID != before[i].ID {
					t.Fatalf("%s: row %d is taken for that of %q\n%.2000q", how, i, got.ID, body)
				}
				got = before[i]
			}
			if got.Print = (snapshot.RowPrint{}); !reflect.DeepEqual(got, want.rows[i]) {
				t.Fatalf("%s: row %d is %+v, the decoder alone: %+v\n%.2000q", how, i, got, want.rows[i], body)
			}
		}
	}
	r := newReading(rowKey, nil)
	for _, way := range []struct {
		name string
		in   io.Reader
	}{{"first", bytes.NewReader(body)}, {"again, with what was learned", bytes.NewReader(body)}, {"byte by byte", iotest.OneByteReader(bytes.NewReader(body))}} {
		rows, err := r.read(way.in)
		same(way.name, rows, r.pg.next, err, nil)
	}
	memory := prints{}
	r = newReading(rowKey, memory.known)
	rows, err := r.read(bytes.NewReader(body))
	same("digested", rows, r.pg.next, err, rows)
	if err != nil {
		return nil
	}
	before := rows
	memory.learn(rows)
	rows, err = r.read(iotest.HalfReader(bytes.NewReader(body)))
	same("known", rows, r.pg.next, err, before)
	return &want
}

// TestRowFilter_HostilePages reads pages that are not as Graph writes them.
func TestRowFilter_HostilePages(t *testing.T) {
	const id = `"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"`
	const date = `"assignedDateTime":"2026-01-05T09:00:00Z"`
	const rest = `"capabilityStatus":"Enabled","service":"exchange","servicePlanId":"efb87545-963c-4e0d-99df-69c6916d9eb0"`
	plan := "{" + date + "," + rest + "}"
	other := strings.NewReplacer("efb87545", "EFB87546", "Enabled", "Deleted").Replace(plan)
	for _, plans := range []string{
		"[]", "null", `""`, "{}", "[null]", "[[]]", "[{}]", "[" + plan + "]", "[" + plan + "," + other + "," + plan + "]",
		"[ " + plan + "]", "[" + plan + " ," + other + "]", "[" + plan + ",]", "[" + plan + other + "]", "[," + plan + "]", "[" + plan, "[" + plan[:len(plan)-1] + "]",
		"[" + plan + ",null]", "[" + plan + ",{}]",
		"[{" + rest + "," + date + "}]",
		"[{" + date + "," + rest + "," + `"assignedDateTime":"2020-01-01T00:00:00Z"}]`,
		"[{" + date + "," + `"assignedDateTime":null,` + rest + "}," + plan + "]",
		"[{" + date + "," + `"assigned\u0044ateTime":"2020-01-01T00:00:00Z",` + rest + "}," + plan + "]",
		"[{" + `"service":"}",` + date + "," + rest + "}," + plan + "]",
		"[{" + `"service":"\"assignedDateTime\":\"2020-01-01T00:00:00Z\"",` + rest + "}," + plan + "]",
		"[{" + `"x":{"assignedDateTime":"2020-01-01T00:00:00Z"},` + rest + "}," + plan + "]",
		"[{" + `"x":{` + date + "}," + rest + "," + date + "}," + plan + "]",
		`[{"assignedDateTime":"2026-13-05T09:00:00Z",` + rest + "}]", `[{"assignedDateTime":"2026-02-29T09:00:00Z",` + rest + "}]",
		`[{"assignedDateTime":"2024-02-29T23:59:59Z",` + rest + "}]", `[{"assignedDateTime":"2026-01-05T09:00:60Z",` + rest + "}]",
		`[{"assignedDateTime":"2026-01-05T09:00:00.1234567Z",` + rest + "}]", `[{"assignedDateTime":"2026-01-05T09:00:00+02:00",` + rest + "}]",
		`[{"assignedDateTime":"0001-01-01T00:00:00Z",` + rest + "}," + plan + "]", `[{"assignedDateTime":null,` + rest + "}]", `[{"assignedDateTime":7,` + rest + "}]",
		strings.ReplaceAll("["+plan+"]", "Enabled", `En\u0061bled`), strings.ReplaceAll("["+plan+"]", "Enabled", "\xff"), strings.ReplaceAll("["+plan+"]", "Enabled", `\ud800`),
		strings.ReplaceAll("["+plan+"]", "efb87545", "zzz"), "[" + strings.ReplaceAll(plan, "exchange", strings.Repeat("x", maxPlan)) + "," + plan + "]",
	} {
		for _, row := range []string{
			"{" + id + `,"assignedLicenses":[],"assignedPlans":` + plans + `,"displayName":"a"}`,
			`{"assignedPlans":` + plans + "," + id + `,"assignedLicenses":[]}`,
			"{" + id + `,"assignedPlans":` + plans + `,"assignedPlans":[` + other + `]}`,
			"{" + id + `,"assignedPlans":[` + other + `],"assignedPlans":` + plans + `}`,
			"{" + id + `,"x":{"assignedPlans":` + plans + `}}`,
			"{" + id + `,"x":[{"assignedPlans":` + plans + `}],"assignedPlans":[` + plan + `]}`,
			"{" + id + `,"displayName":"\"assignedPlans\":[","assignedPlans":` + plans + `}`,
			"{" + id + `,"displayName":"}],{\\","assignedPlans":` + plans + `}`,
			"{" + id + `,"displayName":"assignedPlans":` + plans + `}`,
			"{" + id + `,"assigned\u0050lans":` + plans + `}`,
			"{" + id + `,"assignedPlans" : ` + plans + `}`,
			`{"displayName":"` + `\"id\":\"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e1\"",` + id + `,"assignedPlans":` + plans + `}`,
			`{"x":{"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e1"},` + id + `,"assignedPlans":` + plans + `}`,
		} {
			for _, page := range []string{
				`{"value":[` + row + `]}`,
				`{"@odata.context":"x","@odata.count":7,"@odata.nextLink":"https://x/y","value":[` + row + "," + strings.Replace(row, "eed0e0", "eed0e2", 1) + `]}`,
				" {\n\"value\" : [ " + row + " ,\t" + strings.Replace(row, "eed0e0", "eed0e2", 1) + ` ] , "@odata.nextLink" : "x" } `,
				`{"value":[` + row + `],"value":[` + row + `]}`,
				`{"x":{"value":[` + row + `]},"value":[` + strings.Replace(row, "eed0e0", "eed0e2", 1) + `]}`,
				`{"x":["value",[` + row + `]],"value":[]}`,
				`{"error":{"code":"a","message":"b"},"value":[` + row + `]}`,
				`{"value":[` + row + `]`, `{"value":[` + row + `,]}`, `{"value":[` + row + row + `]}`, `{"value":[,` + row + `]}`, `{"value":[` + row + `]}}`, `{"value":[` + row + `,7]}`,
			} {
				mustReadAlike(t, []byte(page))
			}
		}
	}
}

// TestRowFilter_RandomPages changes bytes of good pages at random.
func TestRowFilter_RandomPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, `"assignedPlans":[`, `"id":"`, `"assignedDateTime":"`, `"value":[`, ` `, "\xff", `{}`, `null`, `0`}
	for range 3000 {
		body := pageOf(1+rng.IntN(3), rng.IntN(4))
		for range rng.IntN(4) {
			at := rng.IntN(len(body))
			end := min(len(body), at+rng.IntN(1+rng.IntN(40)))
			piece := pieces[rng.IntN(len(pieces))]
			if rng.IntN(3) == 0 { // a piece of the page itself
				from := rng.IntN(len(body))
				piece = string(body[from:min(len(body), from+rng.IntN(300))])
			}
			body = append(append(bytes.Clone(body[:at]), piece...), body[end:]...)
		}
		mustReadAlike(t, body)
	}
}

// TestRowFilter_Work counts what is decoded: of rows that come again nothing, of
// plans that come again only what is new.
func TestRowFilter_Work(t *testing.T) {
	const users, plans = 50, 60
	body := pageOf(users, plans)
	memory := prints{}
	r := newReading(rowKey, memory.known)
	rows, err := r.read(bytes.NewReader(body))
	if err != nil || len(rows) != users {
		t.Fatal(err)
	}
	if n := len(r.rows.memo.by); n != plans {
		t.Errorf("%d plans were decoded, of %d", n, plans)
	}
	memory.learn(rows)
	changed := bytes.Replace(body, []byte(`"displayName":"User Number 7"`), []byte(`"displayName":"User Number X"`), 1)
	if rows, err = r.read(bytes.NewReader(changed)); err != nil {
		t.Fatal(err)
	}
	for i, u := range rows {
		if u.Unchanged != (i != 7) || i == 7 && u.Name != "User Number X" {
			t.Errorf("row %d: unchanged %t, %q", i, u.Unchanged, u.Name)
		}
	}
	// Whatever is changed of a row, it is decoded.
	row := bytes.IndexByte(body, '[') + 1
	for at := row; at < row+bytes.Index(body[row:], []byte(`},{"id":`)); at += 7 {
		other := bytes.Clone(body)
		if other[at] ^= 1; other[at] == body[at] {
			continue
		}
		if rows, err := newReading(rowKey, memory.known).read(bytes.NewReader(other)); err == nil && len(rows) > 0 && rows[0].Unchanged {
			t.Fatalf("byte %d was changed, and the row is taken for unchanged", at-row)
		}
	}
	otherKey := rowKey
	otherKey[0] ^= 1
	if rows, err = newReading(otherKey, memory.known).read(bytes.NewReader(body)); err != nil || rows[0].Unchanged {
		t.Errorf("under another key: %v, unchanged %t", err, rows[0].Unchanged)
	}
}

func TestParseZulu(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	texts := []string{"2024-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1970-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}
	for range 20000 {
		texts = append(texts, fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", rng.IntN(10000), rng.IntN(15), rng.IntN(34), rng.IntN(26), rng.IntN(62), rng.IntN(62)))
	}
	for _, text := range texts {
		if at, ok := parseZulu([]byte(text)); ok && at != parseInstant([]byte(text)) {
			t.Fatalf("%s is %v, want %v", text, at, parseInstant([]byte(text)))
		} else if good := parseInstant([]byte(text)); !ok && good.bad == "" && good.Year() >= 1900 {
			t.Fatalf("%s is not read", text)
		}
	}
}
