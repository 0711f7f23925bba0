package snapshot

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNormalID(t *testing.T) {
	for given, want := range map[SKUID]SKUID{
		"":    "",
		"abc": "abc",
		"  05E9A617-0261-4CEE-BB44-138D3EF5D965\r\n": "05e9a617-0261-4cee-bb44-138d3ef5d965",
		"a B": "a b",
	} {
		if got := NormalID(given); got != want {
			t.Errorf("NormalID(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestI2_IdentityIsObjectIDs(t *testing.T) {
	keys := []PathKey{
		direct("e3"), byGroup("e3", "g"), byGroup("e3", "h"), unknown("e3"),
		direct("f1"), byGroup("f1", "g"), unknown("f1"),
	}
	for i, a := range keys {
		for j, b := range keys {
			got, want := a.Compare(b), 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// Equal must see every field that the fingerprint sees, or what differs would
// never be written.
func TestEqual_EveryField(t *testing.T) {
	eachField(t, reflect.TypeFor[User](), "User", func(name string, field func(*User) reflect.Value) {
		for variant := 0; ; variant++ {
			a, b := fullUser(), fullUser()
			if !vary(t, name, field(&b), variant) {
				return
			}
			if a.ID == b.ID && a.Presence == b.Presence && a.DeletedAt.Equal(b.DeletedAt) && a.Attributes.Equal(b.Attributes) &&
				slices.EqualFunc(a.Paths, b.Paths, Path.Equal) && slices.EqualFunc(a.Plans, b.Plans, Plan.Equal) {
				t.Errorf("%s (variant %d): two users that differ pass for equal", name, variant)
			}
		}
	})
	a, b := fullUser(), fullUser() // pointers to equal values are equal
	if !a.Attributes.Equal(b.Attributes) {
		t.Error("two equal users' attributes differ")
	}
}

func TestUser_Held(t *testing.T) {
	u := User{Paths: []Path{
		{PathKey: direct("f1"), Held: true}, {PathKey: byGroup("e3", "h"), Held: true}, {PathKey: byGroup("e3", "g"), Held: true},
		{PathKey: direct("e5"), State: "Error"},
	}}
	u.Normalize()
	if d := cmp.Diff([]SKUID{"e3", "f1"}, u.Held()); d != "" {
		t.Errorf("Held (-want +got):\n%s", d)
	}
	for sku, want := range map[SKUID]bool{"e3": true, "f1": true, "e5": false, "e1": false} {
		if u.Holds(sku) != want {
			t.Errorf("Holds(%s) = %t, want %t", sku, !want, want)
		}
	}
}
