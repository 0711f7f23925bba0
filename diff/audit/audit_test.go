package audit

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// TestFiles decodes and bundles the records of each archive in testdata. The
// directory of a record is its source; "events" and "bundles" are expected.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { testFile(t, name) })
	}
}

func testFile(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return path.Ext(f.Name) != ".json" })
	events, text := decodeAll(ar.Files)
	ar.Files = append(ar.Files, txtar.File{Name: "events", Data: []byte(text)},
		txtar.File{Name: "bundles", Data: []byte(showBundles(Bundles(events)))})
	golden.File(t, name, string(txtar.Format(ar)))
}

// decodeAll describes and decodes records the way a run does: first archived,
// then read from the archive.
func decodeAll(files []txtar.File) ([]snapshot.Event, string) {
	var events []snapshot.Event
	var out strings.Builder
	for _, f := range files {
		raw, err := Describe(snapshot.Source(strings.Trim(path.Dir(f.Name), ".")), f.Data)
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
			continue
		}
		e, err := Decode(raw)
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
			continue
		}
		if !raw.At.Equal(e.At) || raw.Target != string(e.Target) || raw.Correlation != e.Correlation {
			fmt.Fprintf(&out, "described as %v %q %q\n", raw.At, raw.Target, raw.Correlation)
		}
		events = append(events, e)
		out.WriteString(showEvent(&e))
	}
	return events, out.String()
}

// fieldsOf prints the fields that are set, in pairs of name and value.
func fieldsOf(pairs ...any) string {
	var out strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if s := fmt.Sprint(pairs[i+1]); s != "" && s != "false" && s != "[]" {
			fmt.Fprintf(&out, " %s=%s", pairs[i], quoted(s))
		}
	}
	return out.String()
}

func quoted(s string) string {
	if strings.ContainsAny(s, " \n\"") && !strings.HasPrefix(s, "[") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

func showTime(at time.Time, resolution time.Duration) string {
	s := at.Format(time.RFC3339Nano)
	if resolution > 0 {
		s += "+" + resolution.String()
	}
	return s
}

func showActor(a snapshot.Actor) string {
	return string(a.Kind) + fieldsOf("id", a.ID, "app", a.AppID, "upn", a.UPN, "name", a.Name,
		"client", a.ClientApp, "client-id", a.ClientAppID, "tenant", a.Tenant, "partner", a.Partner)
}

func showSet(name string, set []snapshot.EventLicense, known bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\t%s%s\n", name, map[bool]string{false: " (in part)"}[known])
	for _, l := range set {
		fmt.Fprintf(&out, "\t\t%s %s%s\n", l.SKU, l.Name, fieldsOf("off", l.Disabled))
	}
	return out.String()
}

func showDetail(d *snapshot.LicenseDetail) string {
	if d == nil {
		return ""
	}
	return showSet("old", d.Old, d.OldKnown) + showSet("new", d.New, d.NewKnown)
}

func showEvent(e *snapshot.Event) string {
	var out strings.Builder
	result := "success"
	if !e.Success {
		result = "no success: " + e.Reason
	}
	fmt.Fprintf(&out, "%s %s\n\t%s, %s, %s%s\n", e.Source, e.ID, showTime(e.At, e.Resolution), e.Activity, result,
		fieldsOf("correlation", e.Correlation))
	fmt.Fprintf(&out, "\tby %s\n\ton %s%s\n", showActor(e.Actor), e.TargetKind,
		fieldsOf("id", e.Target, "upn", e.TargetUPN, "group", e.Group, "group-name", e.GroupName))
	if s := fieldsOf("result", e.Result, "client", e.Client, "groups", e.Groups, "updated", e.Updated,
		"rule-changed", e.RuleChanged, "hard-deleted", e.HardDeleted, "license-touched", e.LicenseTouched); s != "" {
		fmt.Fprintf(&out, "\tsays%s\n", s)
	}
	if p := e.Part; p != nil {
		fmt.Fprintf(&out, "\tpart %d of %d of %s, %d bytes\n", p.Seq, p.Count, p.ID, len(p.Body))
	}
	out.WriteString(showDetail(e.License))
	if g := e.GroupSKUs; g != nil {
		out.WriteString(showSet("group old", g.Old, true) + showSet("group new", g.New, true))
	}
	return out.String()
}

func showBundles(bundles []snapshot.Bundle) string {
	var out strings.Builder
	for _, b := range bundles {
		fmt.Fprintf(&out, "%s %s%s\n\tby %s\n", showTime(b.At, 0), b.Activity, fieldsOf("target", b.Target,
			"incomplete", b.Incomplete, "failed", b.Failed, "no-op", b.NoOp, "evidence", Evidence(&b)), showActor(b.Actor))
		for _, e := range b.Events {
			fmt.Fprintf(&out, "\tfrom %s %s %s%s\n", e.Source, e.ID, e.Activity, fieldsOf("client", e.Client, "groups", e.Groups))
		}
		out.WriteString(showDelta(b.License))
	}
	return out.String()
}

func showDelta(d *snapshot.LicenseDetail) string {
	var out strings.Builder
	added, removed, plans := Delta(d)
	for _, l := range added {
		fmt.Fprintf(&out, "\t+ %s %s%s\n", l.SKU, l.Name, fieldsOf("off", l.Disabled))
	}
	for _, l := range removed {
		fmt.Fprintf(&out, "\t- %s %s%s\n", l.SKU, l.Name, fieldsOf("off", l.Disabled))
	}
	for _, p := range plans {
		fmt.Fprintf(&out, "\t~ %s %s%s\n", p.SKU, p.Name, fieldsOf("on", p.Enabled, "off", p.Disabled))
	}
	if d != nil && !d.Complete {
		out.WriteString(strings.ReplaceAll("\tknown in part:\n"+showDetail(d), "\n\t", "\n\t\t"))
	}
	return strings.TrimRight(out.String(), "\t")
}
