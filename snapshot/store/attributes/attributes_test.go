package attributes

import (
	"testing"

	"lictrail/snapshot"
)

// TestDecodeAttributes: what is kept of attributes by this version and by those before.
func TestDecodeAttributes(t *testing.T) {
	on, off := true, false
	words := map[int64]string{1: "Member", 2: "DE", 7: `a "b" ü`}
	word := func(id int64) (string, error) {
		text, ok := words[id]
		if !ok {
			return "", ErrMalformed
		}
		return text, nil
	}
	for more, want := range map[string]*snapshot.Attributes{
		"{}":                           {},
		"[]":                           {},
		"[null]":                       {},
		"[1]":                          {Enabled: &on},
		"[0,1,2]":                      {Enabled: &off, Type: "Member", UsageLocation: "DE"},
		`[null,0,0,7,2,"x \"],y"]`:     {Company: `a "b" ü`, Country: "DE", Office: `x "],y`},
		`[1,0,0,0,0,0,"\u00fc",1,"7"]`: {Enabled: &on, JobTitle: "ü", EmployeeType: "Member", CreationType: "7"},
		"[1,0,0,0,0,0,0,0,0,1]":        {Enabled: &on, OnPremisesSync: true},
		`{"enabled":false,"type":"Guest","office":"O","on_premises_sync":true}`: {Enabled: &off, Type: "Guest", Office: "O", OnPremisesSync: true},
		"":        nil,
		"[":       nil,
		"[1":      nil,
		"[1,]":    nil,
		"[1]]":    nil,
		"[1] ":    nil,
		"[-1]":    nil,
		"[1.5]":   nil,
		"[true]":  nil,
		`["1"]`:   nil,
		`[1,"x]`:  nil,
		`[1,"\`:   nil,
		"[1,9]":   nil, // no such text
		"[1,[1]]": nil,
		`[1,0,0,0,0,0,0,0,0,0,null,"{\"division\":\"\"}"]`: {Enabled: &on, Kept: `{"division":""}`},
		"[1,0,0,0,0,0,0,0,0,1,null,2]":                     {Enabled: &on, OnPremisesSync: true, Kept: "DE"},
		"[0,0,0,0,0,0,0,0,0,0,null,0,0]":                   nil,
		`[0,0,0,0,0,0,0,0,0,"x"]`:                          nil,
		"[99999999999999999999]":                           nil,
		`{"enabled":false} trailing`:                       nil,
	} {
		var got snapshot.Attributes
		forgotten, err := Decode(more, &got, word)
		if want == nil {
			if err == nil {
				t.Errorf("%s: read as %+v", more, got)
			}
			continue
		}
		if err != nil || forgotten || !got.Equal(*want) {
			t.Errorf("%s: %+v, %v, %v", more, got, forgotten, err)
		}
	}
	for _, more := range []string{`{"country":"DE","forgotten":3}`, "[null,0,0,0,2,0,0,0,0,0,3]"} {
		var got snapshot.Attributes
		if forgotten, err := Decode(more, &got, word); !forgotten || err != nil || got.Country != "DE" {
			t.Errorf("%s: %+v, %v, %v", more, got, forgotten, err)
		}
	}
}

// TestPart: what forget leaves of attributes is parted from the others as it is written,
// and is the same once the others have been erased.
func TestPart(t *testing.T) {
	for array, want := range map[string][2]string{
		"[]":                          {"[0,0]", "[]"},
		"[1,2,7]":                     {"[7,0]", "[1,2,0]"},
		`[null,0,"D,\"E",3,4,"x]",6]`: {`["D,\"E",4]`, `[null,0,0,3,0,"x]",6]`},
		"[0,0,1,0,2,0,0,0,0,0,9]":     {"[1,2]", "[0,0,0,0,0,0,0,0,0,0,9]"},
	} {
		left, others, ok := Part(array)
		if !ok || left != want[0] || others != want[1] {
			t.Errorf("%s: %s and %s, %v", array, left, others, ok)
		}
		erased, ok := Erased(array, int64(9))
		if again, _, fine := Part(erased); !ok || !fine || again != left {
			t.Errorf("%s: %s is left", array, erased)
		}
		if twice, ok := Erased(erased, int64(9)); !ok || twice != erased {
			t.Errorf("%s: erased twice: %s", array, twice)
		}
		var a snapshot.Attributes
		if forgotten, err := Decode(erased, &a, func(int64) (string, error) { return "", nil }); !forgotten || err != nil {
			t.Errorf("%s: %v, %v", erased, forgotten, err)
		}
	}
	for _, other := range []string{"", "{}", "[", "[1", "[1,]", "[[1]]", "[1]x", `["x`, "[,]", "[true]", "[1 ]"} {
		if _, _, ok := Part(other); ok {
			t.Errorf("%q is taken for attributes", other)
		}
		if _, ok := Erased(other, int64(1)); ok {
			t.Errorf("%q is taken for attributes", other)
		}
	}
}
