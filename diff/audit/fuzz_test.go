package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lictrail/snapshot"
)

// FuzzDecode: no input makes the decoder panic; an error names the event; what
// is archived is what is decoded, and what a glance shows; a detail is never said
// to be complete when a side is not.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if source, _, ok := strings.Cut(file.Name, "/"); ok {
				f.Add(source, file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, source string, data []byte) {
		raw, err := Describe(snapshot.Source(source), data)
		if err != nil {
			raw = snapshot.RawEvent{Source: snapshot.Source(source), ID: "fuzz", Raw: data}
		}
		e, decodeErr := Decode(raw)
		switch {
		case decodeErr != nil && !strings.Contains(decodeErr.Error(), "event \""):
			t.Fatalf("the error names no event: %v", decodeErr)
		case decodeErr != nil:
			return
		case err != nil && !strings.Contains(err.Error(), "two members"): // such a one is never archived
			t.Fatalf("decoded, but not described: %v", err)
		case err == nil && (e.ID != raw.ID || !e.At.Equal(raw.At) || string(e.Target) != raw.Target || e.Activity != Normalize(raw.Activity)):
			t.Fatalf("described %+v, decoded %+v", raw, e)
		}
		if g, lookErr := Look(data); lookErr == nil && Normalize(g.Activity) != e.Activity {
			t.Fatalf("%q at a glance, decoded %q", g.Activity, e.Activity)
		}
		checkEvent(t, &e)
		checkBundles(t, []snapshot.Event{e})
	})
}

func checkEvent(t *testing.T, e *snapshot.Event) {
	if d := e.License; d != nil && d.Complete && (!d.OldKnown || !d.NewKnown) {
		t.Fatalf("complete without both sides: %+v", d)
	}
	if e.Target != "" && e.TargetKind != kindUser {
		t.Fatalf("target %q of kind %q", e.Target, e.TargetKind)
	}
	if e.ID == "" || e.Activity == "" {
		t.Fatalf("no id or no activity: %+v", e)
	}
}

func checkBundles(t *testing.T, events []snapshot.Event) {
	bundles := Bundles(events)
	doubled := append(slices.Clone(events), events...)
	slices.Reverse(doubled)
	if d := cmp.Diff(bundles, Bundles(doubled)); d != "" {
		t.Fatalf("order or copies matter: %s", d)
	}
	n := 0
	for _, b := range bundles {
		n += len(b.Events)
		if b.NoOp && (b.Incomplete || b.Failed) {
			t.Fatalf("a no-op that is not known: %+v", b)
		}
	}
	if n != len(unique(events)) {
		t.Fatalf("%d events in bundles, want %d", n, len(unique(events)))
	}
}

// FuzzAssignedLicense: no input makes the parser panic; what it accepts has a
// GUID as SKU, and says the same when written out and parsed again.
func FuzzAssignedLicense(f *testing.F) {
	for _, s := range []string{
		"[SkuName=X, AccountId=y, SkuId=" + e3 + ", DisabledPlans=[P1, P2]]",
		"[DisabledPlans=[],SkuId=" + e3 + "]", "[SkuName=A, Inc, SkuId=" + e3 + "]",
		`"[SkuName=\"X\", SkuId=` + e3 + `]"`, "[[SkuId=" + e3 + "]]", "[SkuId=]", "[]", "", "[", "]["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseAssignedLicense(s)
		if err != nil {
			return
		}
		if !snapshot.IsGUID(string(l.SKU)) || strings.ToLower(string(l.SKU)) != string(l.SKU) {
			t.Fatalf("SKU %q", l.SKU)
		}
		again, err := ParseAssignedLicense("[SkuId=" + string(l.SKU) + ",DisabledPlans=[" + strings.Join(l.Disabled, ",") + "]]")
		again.Name = l.Name
		if d := cmp.Diff(l, again); d != "" || err != nil {
			t.Fatalf("%v (-first +again)\n%s", err, d)
		}
	})
}

// FuzzReassemble cuts a body into parts and loses some. Nothing panics; the
// order of the parts does not matter; the body is a beginning of the original,
// and the whole of it when it says so.
func FuzzReassemble(f *testing.F) {
	f.Add(seedBody, uint16(10), uint16(200), uint8(0))
	f.Add(seedBody, uint16(100), uint16(101), uint8(4))
	f.Add(seedBody, uint16(300), uint16(500), uint8(1))
	f.Add(`{"a":"[{\"Name\":\"x\"}]"}`, uint16(1), uint16(9), uint8(2))
	f.Fuzz(func(t *testing.T, body string, i, j uint16, lost uint8) {
		if !worthCutting(body) {
			return
		}
		events := cutEvents(body, int(i), int(j), lost)
		if len(events) == 0 {
			return
		}
		parts := make([]snapshot.Part, len(events))
		for k, e := range events {
			parts[k] = *e.Part
		}
		got, whole := reassemble(parts)
		if !strings.HasPrefix(body, got) || whole && got != body {
			t.Fatalf("whole %v: %q of %q", whole, got, body)
		}
		props, _, _ := bodyProperties(got)
		if d, err := licenseDetail(props, false); err == nil && d != nil && d.Complete {
			t.Fatal("complete without all properties")
		}
		checkBundles(t, events)
	})
}

// worthCutting bounds the input to what is worth cutting.
func worthCutting(s string) bool { return len(s) >= 3 && len(s) < 1<<14 }

// cutEvents cuts a body into three parts and loses those whose bit is set.
func cutEvents(body string, i, j int, lost uint8) []snapshot.Event {
	i, j = 1+i%(len(body)-2), 1+j%(len(body)-2)
	i, j = min(i, j), max(i, j)
	var events []snapshot.Event
	for k, b := range []string{body[:i], body[i:j], body[j:]} {
		if lost&(1<<k) == 0 {
			events = append(events, snapshot.Event{ID: string(rune('a' + k)), Source: snapshot.SourceGraph, Success: true,
				Activity: snapshot.ChangeUserLicense, At: time.Unix(1e9, 0).UTC(), Target: ben,
				Part: &snapshot.Part{ID: "p", Seq: k + 1, Count: 3, Body: b}})
		}
	}
	return events
}

// TestSeeds requires that each fuzz target has its seeds in the repository, so that bugs
// that were found once are looked for in every test run.
func TestSeeds(t *testing.T) {
	for _, target := range []string{"FuzzDecode", "FuzzAssignedLicense", "FuzzReassemble"} {
		if list, err := os.ReadDir("testdata/fuzz/" + target); err != nil || len(list) == 0 {
			t.Errorf("%s: no seed corpus: %v", target, err)
		}
	}
}
