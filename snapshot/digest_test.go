package snapshot

import (
	"reflect"
	"testing"
	"time"
)

// TestFingerprintAttributes: every attribute there is counts.
func TestFingerprintAttributes(t *testing.T) {
	plain := (&User{ID: "u"}).Fingerprint()
	seen := map[int64]string{plain: "nothing"}
	kind := reflect.TypeFor[Attributes]()
	for i := range kind.NumField() {
		var u User
		u.ID = "u"
		field, name := reflect.ValueOf(&u.Attributes).Elem().Field(i), kind.Field(i).Name
		switch v := field.Addr().Interface().(type) {
		case *string:
			*v = "x"
		case *bool:
			*v = true
		case **bool:
			*v = new(bool)
		case **time.Time:
			at := time.UnixMilli(0)
			*v = &at
		default:
			t.Fatalf("%s: a type that this test does not know", name)
		}
		if other, ok := seen[u.Fingerprint()]; ok {
			t.Errorf("%s digests like %s", name, other)
		}
		seen[u.Fingerprint()] = name
	}
}

func TestFingerprintPaths(t *testing.T) {
	at := time.UnixMilli(0)
	base := Path{PathKey: PathKey{SKU: "s", PathRef: PathRef{Kind: Direct}}, State: "Active"}
	variants := []func(*Path){
		func(*Path) {}, func(p *Path) { p.SKU = "t" }, func(p *Path) { p.Kind, p.Group = ByGroup, "g" }, func(p *Path) { p.Held = true },
		func(p *Path) { p.State = "Error" }, func(p *Path) { p.Error = "x" }, func(p *Path) { p.Disabled = []PlanID{"p"} },
		func(p *Path) { p.UpdatedAt = at },
	}
	seen := map[int64]int{}
	for i, vary := range variants {
		p := base
		vary(&p)
		print := (&User{ID: "u", Paths: []Path{p}}).Fingerprint()
		if j, ok := seen[print]; ok {
			t.Errorf("variants %d and %d digest alike", i, j)
		}
		seen[print] = i
	}
	a, b := User{ID: "u", Plans: []Plan{{ID: "p", AssignedAt: at}}}, User{ID: "u", Plans: []Plan{{ID: "p"}}}
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("a plan of 1970 digests like one without a date")
	}
}

func TestGUID(t *testing.T) {
	for id, want := range map[UserID]bool{
		"06ebc4ee-1bb5-47dd-8120-11324bc54e06": true, "06ebc4ee-1bb5-47dd-8120-11324bc54e0": false,
		"06ebc4ee_1bb5-47dd-8120-11324bc54e06": false, "06ebc4eg-1bb5-47dd-8120-11324bc54e06": false, "": false, "ann": false,
	} {
		if _, ok := id.GUID(); ok != want {
			t.Errorf("%q: %v", id, ok)
		}
	}
}
