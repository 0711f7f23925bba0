package audit

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

// all decodes the records of every test file.
func all(t *testing.T) []snapshot.Event {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var events []snapshot.Event
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txtar")
		if name == "errors" || name == "empty-audit-data" {
			continue
		}
		for _, e := range fromFile(t, name) {
			e.ID = name + " " + e.ID // ids repeat from file to file
			events = append(events, e)
		}
	}
	return events
}

func TestLaw_OrderAndCopiesDoNotMatter(t *testing.T) {
	events := all(t)
	want := Bundles(events)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		shuffled := slices.Clone(events)
		for range rng.IntN(len(events)) {
			shuffled = append(shuffled, events[rng.IntN(len(events))])
		}
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if d := cmp.Diff(want, Bundles(shuffled)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func TestLaw_InputStaysAsItWas(t *testing.T) {
	events, again := all(t), all(t)
	Bundles(events)
	if d := cmp.Diff(again, events); d != "" {
		t.Errorf("Bundles changed its input: %s", d)
	}
}

func TestLaw_EveryEventInOneBundle(t *testing.T) {
	seen := map[snapshot.EventRef]int{}
	for _, b := range Bundles(all(t)) {
		for _, e := range b.Events {
			seen[e.Ref()]++
		}
		if !b.At.Equal(b.Events[0].At) && b.At.Sub(b.Events[0].At) > correlationSpan {
			t.Errorf("bundle at %v begins with an event of %v", b.At, b.Events[0].At)
		}
	}
	for _, e := range all(t) {
		if seen[e.Ref()] == 0 {
			t.Errorf("%s %s is in no bundle", e.Source, e.ID)
		}
	}
	for ref, n := range seen {
		if n > 1 {
			t.Errorf("%v is in %d bundles", ref, n)
		}
	}
}

// Cutting a body anywhere gives the same properties as not cutting it, and
// losing what follows never shows anything that the whole does not.
func TestLaw_CutsDoNotMatter(t *testing.T) {
	body := seedBody
	whole, details, intact := bodyProperties(body)
	if !intact || len(whole) != 2 || details["user-agent"] != "x" {
		t.Fatalf("body: %d properties, %v, intact %v", len(whole), details, intact)
	}
	full, err := licenseDetail(whole, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(body); i++ {
		parts := []snapshot.Part{{Seq: 2, Count: 2, Body: body[i:]}, {Seq: 1, Count: 2, Body: body[:i]}}
		if joined, ok := reassemble(parts); joined != body || !ok {
			t.Fatalf("cut at %d: whole %v, %q", i, ok, joined)
		}
		head, ok := reassemble(parts[1:])
		if head != body[:i] || ok {
			t.Fatalf("head of %d: whole %v", i, ok)
		}
		checkPrefix(t, head, full)
	}
}

func checkPrefix(t *testing.T, head string, full *snapshot.LicenseDetail) {
	t.Helper()
	props, _, intact := bodyProperties(head)
	if intact {
		t.Fatalf("intact: %q", head)
	}
	d, err := licenseDetail(props, false)
	if err != nil {
		t.Fatalf("%v in %q", err, head)
	}
	if d == nil {
		return
	}
	if _, ok := mergeDetails(full, d); !ok || d.Complete {
		t.Fatalf("contradicts the whole: %+v in %q", d, head)
	}
}

const seedBody = `{"targetUpdatedProperties":"[{\"Name\":\"AssignedLicense\",\"OldValue\":[\"[SkuName=A\\\"\\u00e9, AccountId=x, SkuId=` + e3 +
	`, DisabledPlans=[P1, P2]]\"],\"NewValue\":[\"[SkuName=A, SkuId=` + e3 + `, DisabledPlans=[P1]]\",\"[SkuId=` + e5 +
	`]\"]},{\"Name\":\"Included Updated Properties\",\"OldValue\":null,\"NewValue\":\"AssignedLicense\"}]","additionalDetails":"{\"User-Agent\":\"x\"}"}`

func TestReassemble(t *testing.T) {
	part := func(seq, count int, body string) snapshot.Part {
		return snapshot.Part{ID: "p", Seq: seq, Count: count, Body: body}
	}
	for name, tt := range map[string]struct {
		parts []snapshot.Part
		body  string
		whole bool
	}{
		"OK":                {[]snapshot.Part{part(2, 2, "b"), part(1, 2, "a")}, "ab", true},
		"OKNumericOrder":    {[]snapshot.Part{part(10, 10, "J"), part(2, 10, "B"), part(1, 10, "A")}, "AB", false},
		"OKCopy":            {[]snapshot.Part{part(1, 1, "a"), part(1, 1, "a")}, "a", true},
		"OKCopyWithoutBody": {[]snapshot.Part{part(1, 1, ""), part(1, 1, "a"), part(1, 0, "")}, "a", true},
		"ErrCopiesDiffer":   {[]snapshot.Part{part(1, 2, "a"), part(2, 2, "b"), part(2, 2, "c")}, "a", false},
		"ErrGap":            {[]snapshot.Part{part(1, 3, "a"), part(3, 3, "c")}, "a", false},
		"ErrNoCount":        {[]snapshot.Part{part(1, 0, "a")}, "a", false},
		"ErrCountsDiffer":   {[]snapshot.Part{part(1, 2, "a"), part(2, 3, "b")}, "ab", false},
		"ErrNoFirst":        {[]snapshot.Part{part(2, 2, "b")}, "", false},
		"ErrNone":           {nil, "", false},
	} {
		if body, whole := reassemble(tt.parts); body != tt.body || whole != tt.whole {
			t.Errorf("%s: %q, %v; want %q, %v", name, body, whole, tt.body, tt.whole)
		}
	}
}

func TestElements(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "null": nil, "[]": nil, `""`: nil, "[ ]": nil,
		`"Member"`: {"Member"}, "Member": {"Member"}, "[true]": {"true"}, "[\r\n  true\r\n]": {"true"},
		`["a","b"]`: {"a", "b"}, `[{"a":1}]`: {`{"a":1}`}, "5": {"5"}, "[SkuId=x]": {"[SkuId=x]"},
	} {
		got, whole, err := value{text: in}.elements()
		if d := cmp.Diff(want, got); d != "" || err != nil || !whole {
			t.Errorf("%q: whole %v, %v (-want +got)\n%s", in, whole, err, d)
		}
	}
	if got, whole, err := (value{text: `["a","b`}).elements(); err != nil || whole || !slices.Equal(got, []string{"a"}) {
		t.Errorf("cut list: %q, %v, %v", got, whole, err)
	}
	if _, _, err := (value{text: `["a" "b"]`}).elements(); err == nil {
		t.Error("no error for a list that is not JSON")
	}
}

func TestDelta_PartlyKnown(t *testing.T) {
	x, y := snapshot.EventLicense{SKU: e3}, snapshot.EventLicense{SKU: e5}
	added, removed, _ := Delta(&snapshot.LicenseDetail{Old: []snapshot.EventLicense{x}, New: []snapshot.EventLicense{y}, OldKnown: true})
	if len(added) != 1 || len(removed) != 0 {
		t.Errorf("old known: +%v -%v", added, removed)
	}
	added, removed, _ = Delta(&snapshot.LicenseDetail{Old: []snapshot.EventLicense{x}, New: []snapshot.EventLicense{y}, NewKnown: true})
	if len(added) != 0 || len(removed) != 1 {
		t.Errorf("new known: +%v -%v", added, removed)
	}
	if a, r, p := Delta(nil); a != nil || r != nil || p != nil {
		t.Error("nil detail changed something")
	}
}

// Of a license that is listed twice, only the plans that are off in both rows are off.
func TestLicenseSet_Twice(t *testing.T) {
	set, whole, err := licenseSet(value{text: `["[SkuId=` + e3 + `, DisabledPlans=[A, B]]","[SkuId=` + e3 + `, DisabledPlans=[B, C]]"]`})
	if err != nil || !whole || len(set) != 1 || !slices.Equal(set[0].Disabled, []string{"B"}) {
		t.Errorf("%+v, %v, %v", set, whole, err)
	}
}

// Two operations within one second stay two, whichever record comes first.
func TestBundles_NearestFirst(t *testing.T) {
	change := graphEvent(t, "1", "Change user license", "2026-03-04T10:20:30Z", nil, nil)
	detail := graphEvent(t, "2", "Update user", "2026-03-04T10:20:31.5Z", nil, []string{e3})
	later := graphEvent(t, "3", "Change user license", "2026-03-04T10:20:31.5Z", nil, nil)
	for _, e := range []*snapshot.Event{&change, &detail, &later} {
		e.Correlation = ""
	}
	wantChanges(t, []snapshot.Event{change, detail, later}, "b: incomplete", "b: +e3")
}

// BenchmarkBundles shows that many events of one target cost no more each than
// a few do.
func BenchmarkBundles(b *testing.B) {
	e := graphEvent(b, "0", "Update user", "2026-03-04T10:20:30Z", nil, nil)
	for _, n := range []int{200, 20_000} {
		var events []snapshot.Event
		for i := range n {
			e.ID, e.At = time.Duration(i).String(), e.At.Add(time.Second)
			events = append(events, e)
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				Bundles(events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}
