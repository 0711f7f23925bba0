package snapshot

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fullUser has every field set, and one element in every list.
func fullUser() User {
	enabled, created := true, on(2)
	return User{
		ID: "u1", Presence: Present, DeletedAt: on(1),
		Attributes: Attributes{
			UPN: "ann@contoso.com", Name: "Ann", Mail: "a@contoso.com", Department: "Sales", Enabled: &enabled, Type: "Member",
			UsageLocation: "DE", Company: "Contoso", Country: "Germany", Office: "B2", JobTitle: "Clerk", EmployeeID: "7",
			EmployeeType: "Employee", CreationType: "Invitation", OnPremisesSync: true, CreatedAt: &created,
			Kept: KeptOf(map[string]string{"division": "North"}),
		},
		Paths: []Path{{
			PathKey: byGroup("e3", "g"), Held: true, State: "Active", Error: "Other", Disabled: []PlanID{"p"}, UpdatedAt: on(3),
		}},
		Plans: []Plan{{ID: "p", Status: "Enabled", AssignedAt: on(4)}},
	}
}

// Every field of User, and of what it is made of, must be part of the
// fingerprint: a change of one that is not would never become history.
func TestFingerprint_EveryField(t *testing.T) {
	base := fullUser()
	want := base.Fingerprint()
	again := fullUser()
	if again.Fingerprint() != want {
		t.Fatal("two equal users have different fingerprints")
	}
	seen := map[int64]string{want: "the user unchanged"}
	fields := 0
	eachField(t, reflect.TypeFor[User](), "User", func(name string, field func(*User) reflect.Value) {
		for variant := 0; ; variant++ {
			u := fullUser()
			if !vary(t, name, field(&u), variant) {
				return
			}
			fields++
			if other, taken := seen[u.Fingerprint()]; taken {
				t.Errorf("%s (variant %d) has the fingerprint of %s", name, variant, other)
			}
			seen[u.Fingerprint()] = name
		}
	})
	if fields < 40 {
		t.Errorf("only %d variants were tried", fields)
	}
}

// eachField calls f with every field that holds a value rather than other
// fields, and a way to reach it in a user made by fullUser.
func eachField(t *testing.T, typ reflect.Type, name string, f func(string, func(*User) reflect.Value)) {
	t.Helper()
	var walk func(reflect.Type, string, func(*User) reflect.Value)
	walk = func(typ reflect.Type, name string, at func(*User) reflect.Value) {
		switch {
		case typ.Kind() == reflect.Struct && typ != reflect.TypeFor[time.Time]():
			for i := range typ.NumField() {
				walk(typ.Field(i).Type, name+"."+typ.Field(i).Name, func(u *User) reflect.Value { return at(u).Field(i) })
			}
		case typ.Kind() == reflect.Slice:
			f(name, at)
			walk(typ.Elem(), name+"[0]", func(u *User) reflect.Value {
				if at(u).Len() == 0 {
					t.Fatalf("fullUser leaves %s empty", name)
				}
				return at(u).Index(0)
			})
		default:
			f(name, at)
		}
	}
	walk(typ, name, func(u *User) reflect.Value { return reflect.ValueOf(u).Elem() })
}

// vary gives a field another value; false when there are no more of them. A
// field of a kind that it does not know is a failure: the fingerprint may not
// know it either.
func vary(t *testing.T, name string, v reflect.Value, variant int) bool {
	t.Helper()
	if v.IsZero() {
		t.Fatalf("fullUser leaves %s empty", name)
	}
	var values []any
	switch v.Interface().(type) {
	case time.Time:
		values = []any{time.Time{}, v.Interface().(time.Time).Add(time.Millisecond), time.Unix(0, 0).UTC()}
	case *time.Time:
		later := v.Interface().(*time.Time).Add(time.Millisecond)
		values = []any{(*time.Time)(nil), &later}
	case *bool:
		other := !*v.Interface().(*bool)
		values = []any{(*bool)(nil), &other}
	default:
		switch v.Kind() {
		case reflect.String:
			values = []any{"", v.String() + "x", strings.ToUpper(v.String()) + "\x00"}
		case reflect.Bool:
			values = []any{!v.Bool()}
		case reflect.Slice:
			values = []any{nil, reflect.Append(v, v.Index(0)).Interface()}
		default:
			t.Fatalf("%s is a %s, which this test cannot vary yet", name, v.Type())
		}
	}
	if variant >= len(values) {
		return false
	}
	if values[variant] == nil {
		v.SetZero()
	} else {
		v.Set(reflect.ValueOf(values[variant]).Convert(v.Type()))
	}
	return true
}

// What is one field's end must not pass for the next one's beginning.
func TestFingerprint_FieldsDoNotRunTogether(t *testing.T) {
	for name, pair := range map[string][2]User{
		"id and presence": {{ID: "ab", Presence: "c"}, {ID: "a", Presence: "bc"}},
		"state and error": {{Paths: []Path{{State: "ab", Error: "c"}}}, {Paths: []Path{{State: "a", Error: "bc"}}}},
		"plans of a path": {{Paths: []Path{{Disabled: []PlanID{"a", "b"}}}}, {Paths: []Path{{Disabled: []PlanID{"ab"}}}}},
		"paths and plans": {{Paths: []Path{{}}}, {Plans: []Plan{{}}}},
		// Without a mark between them, 3 paths of 8 fields are 8 plans of 3.
		"3 paths, 8 plans": {
			{Paths: slices.Repeat([]Path{{UpdatedAt: time.UnixMilli(0)}}, 3)},
			{Plans: slices.Repeat([]Plan{{AssignedAt: time.UnixMilli(0)}}, 8)},
		},
		"plan and its fit": {{Plans: []Plan{{ID: "ab", Status: "c"}}}, {Plans: []Plan{{ID: "a", Status: "bc"}}}},
		"path of two kinds": {
			{Paths: []Path{{PathKey: PathKey{SKU: "e3", PathRef: PathRef{Kind: "group", Group: "x"}}}}},
			{Paths: []Path{{PathKey: PathKey{SKU: "e3", PathRef: PathRef{Kind: "groupx"}}}}},
		},
	} {
		if pair[0].Fingerprint() == pair[1].Fingerprint() {
			t.Errorf("%s: two users have one fingerprint", name)
		}
	}
}

func TestI3_FingerprintOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		licenses, rows := randomAnswer(rng)
		a := fullUser()
		a.Paths = ResolvePaths(licenses, rows)
		for range rng.IntN(6) {
			a.Plans = append(a.Plans, Plan{ID: PlanID([]string{"p", "q"}[rng.IntN(2)]), Status: []string{"Enabled", "Deleted"}[rng.IntN(2)], AssignedAt: on(1 + rng.IntN(2))})
		}
		b := a
		b.Paths, b.Plans = slices.Clone(a.Paths), slices.Clone(a.Plans)
		if len(b.Plans) > 0 { // the same row, twice
			b.Plans = append(b.Plans, b.Plans[0])
		}
		shuffle(rng, b.Paths)
		shuffle(rng, b.Plans)
		a.Normalize()
		b.Normalize()
		if a.Fingerprint() != b.Fingerprint() {
			t.Fatalf("seed %d: %+v and %+v differ", seed, a, b)
		}
		if !slices.EqualFunc(a.Paths, b.Paths, Path.Equal) || !slices.EqualFunc(a.Plans, b.Plans, Plan.Equal) {
			t.Fatalf("seed %d: %+v and %+v are in different orders", seed, a, b)
		}
	}
}

// One instant has many spellings.
func TestFingerprint_ZoneDoesNotMatter(t *testing.T) {
	a, b := fullUser(), fullUser()
	zone := time.FixedZone("", 2*60*60)
	b.DeletedAt, b.Paths[0].UpdatedAt, b.Plans[0].AssignedAt = b.DeletedAt.In(zone), b.Paths[0].UpdatedAt.In(zone), b.Plans[0].AssignedAt.In(zone)
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("the zone in which a time is written changes the fingerprint")
	}
}

// TestRowDigest_Allocs: rows and their cells are digested by the million.
func TestRowDigest_Allocs(t *testing.T) {
	columns, values := []string{"a", "b", "c"}, []any{int64(7), "text", []byte("bytes")}
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := RowDigest("table", columns, values); !ok {
			t.Error("not digested")
		}
	}); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
