package graph

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"lictrail/snapshot"
)

// TestPage_Bounds: what a page may have at most, and one more.
func TestPage_Bounds(t *testing.T) {
	rows := func(n int) string { return `{"value":[` + sequence(n, `{"id":"%d"}`) + `]}` }
	plans := func(n int) string { return `{"value":[{"id":"a","assignedPlans":[` + sequence(n, `{}`) + `]}]}` }
	value := func(n int) string { return `{"value":[{"id":"` + strings.Repeat("a", n) + `"}]}` }
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"rows":               {rows(maxRows), true},
		"one row more":       {rows(maxRows + 1), false},
		"elements":           {plans(maxElements), true},
		"one element more":   {plans(maxElements + 1), false},
		"a value":            {value(maxValue - 100), true},
		"a longer value":     {value(2*maxValue + 100), false},
		"blanks":             {`{"value":[` + strings.Repeat(" ", 2*maxValue+100) + `]}`, false},
		"some blanks":        {`{"value":[` + strings.Repeat(" ", 1000) + `]}`, true},
		"many values":        {`{"x":[` + strings.Repeat(`"`+strings.Repeat("a", maxValue/4)+`",`, 20) + `0],"value":[]}`, true},
		"unknown and longer": {`{"x":"` + strings.Repeat("a", 2*maxValue+100) + `","value":[]}`, false},
	} {
		pg := userPage()
		err := pg.read(strings.NewReader(c.body))
		if c.ok && err != nil || !c.ok && !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v, want it taken: %t", name, err, c.ok)
		}
	}
}

func sequence(n int, element string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.Contains(element, "%") {
			fmt.Fprintf(&b, element, i)
		} else {
			b.WriteString(element)
		}
	}
	return b.String()
}

// TestElements_EveryList: the elements of every list of what the wire has are
// counted. A list of a new type fails here until [interner.options] knows it.
func TestElements_EveryList(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Pointer:
			look(typ.Elem())
		case reflect.Slice:
			rows := reflect.New(typ)
			body := "[" + sequence(maxElements+1, "null") + "]"
			if err := json.Unmarshal([]byte(body), rows.Interface(), new(interner).options()); !errors.Is(err, errTooLarge) {
				t.Errorf("a list of %v is not bounded: %v", typ.Elem(), err)
			}
			look(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if _, onWire := f.Tag.Lookup("json"); onWire || f.Anonymous || f.Name == "rows" {
					look(f.Type)
				}
			}
		}
	}
	for _, w := range []any{wireUser{}, wireGroup{}, wireDeleted{}, wireOrganization{}, wireSKU{}, wireSubscription{}, wireSignIn{}, wireContent{}, wireSearch{}, wireRecord{}, wireSubscriptionState{}} {
		look(reflect.TypeOf(w))
	}
}

// TestUsage_Bounds: rows, cells and columns of a report.
func TestUsage_Bounds(t *testing.T) {
	const head = "Report Refresh Date,User Principal Name,Last Activity Date"
	rows := func(n int, upn string) string {
		var b bytes.Buffer
		b.WriteString(head + "\n")
		for i := range n {
			fmt.Fprintf(&b, "2026-01-01,%d%s,2026-01-01\n", i, upn)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"rows":            {rows(maxUsage, "@x.example"), true},
		"one row more":    {rows(maxUsage+1, "@x.example"), false},
		"names":           {rows(maxNames/1000, strings.Repeat("a", 1000)), false},
		"columns":         {head + strings.Repeat(",x", maxColumns-3) + "\n", true},
		"column too many": {head + strings.Repeat(",x", maxColumns-2) + "\n", false},
		"a long cell":     {head + "\n" + strings.Repeat("a", 2*maxRecord), false},
		"lines in a cell": {head + "\n\"" + strings.Repeat("\n", 2*maxRecord), false},
	} {
		_, err := usageReports[1].parse(io.Reader(strings.NewReader(c.body)), false)
		if c.ok && err != nil || !c.ok && !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v, want it taken: %t", name, err, c.ok)
		}
	}
}

// TestReads_End: a read that would have no end is incomplete.
func TestReads_End(t *testing.T) {
	p := &pager[snapshot.UserRow]{reader: &reader{c: &Client{opts: Options{MaxPage: 1000}}}}
	for _, c := range []struct {
		page, rows, most int
		bytes            int64
		whole, more, ok  bool
	}{
		{1, 10, 0, 1000, true, true, true}, {2, 10, 0, 1001, true, true, false}, {2, 10, 0, 1001, false, true, true},
		{maxPages - 1, 10, 0, 1, false, true, true}, {maxPages, 10, 0, 1, false, true, false}, {maxPages, 10, 0, 1, false, false, true},
		{5, maxAllRows, 0, 1, false, true, true}, {5, maxAllRows + 1, 0, 1, false, true, false}, {5, maxAllRows + 1, 0, 1, false, false, true},
		{5, 101, 100, 1, false, true, false},
	} {
		p.page, p.rows, p.most, p.whole, p.bytes = c.page, c.rows, c.most, c.whole, 0
		if err := p.ends(c.more, c.bytes); c.ok != (err == nil) || err != nil && !errors.Is(err, errEndless) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestInterner_LongTexts are not kept for the next row.
func TestInterner_LongTexts(t *testing.T) {
	in := new(interner)
	opts := in.options()
	for i := range 10 {
		var w sharedText
		text := fmt.Sprintf("%d%s", i, strings.Repeat("a", 1000))
		if err := json.Unmarshal([]byte(`"`+text+`"`), &w, opts); err != nil || string(w) != text {
			t.Fatal(err)
		}
	}
	if len(in.words) != 0 {
		t.Errorf("%d long texts are kept", len(in.words))
	}
}
