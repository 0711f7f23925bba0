package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

// items are what the documents of commands are made of; after a colon a member
// of the document beside its items.
var items = []struct {
	commands string
	item     any
}{
	{"every document: gaps", out.Gap{}},
	{"assignments", show.AssignmentJSON{}},
	{"changes, who, history", show.ChangeJSON{}},
	{"history: skus", show.HoldingJSON{}},
	{"history: periods", show.PeriodJSON{}},
	{"history: swaps", show.SwapJSON{}},
	{"history: imports", show.EarlierJSON{}},
	{"runs, sync", show.RunJSON{}},
	{"skus", show.SKURowJSON{}},
	{"skus --lapses", show.LapseJSON{}},
	{"allotments", show.AllotmentJSON{}},
	{"allotments --holders, allotments --devices", show.AllotmentHolderJSON{}},
	{"allotments --waiting", show.WaitingMemberJSON{}},
	{"allotments --errors", show.AssignmentErrorJSON{}},
	{"groups", show.GroupRowJSON{}},
	{"groups --users", show.GroupUserJSON{}},
	{"find", show.HitJSON{}},
	{"actors, changes --by", show.ChangeCountJSON{}},
	{"reclaim", show.ReclaimJSON{}},
	{"reclaim --by", show.ReclaimTotalJSON{}},
	{"seats flow", show.SeatFlowJSON{}},
	{"seats first-use", show.FirstUseJSON{}},
	{"seats harvest", show.HarvestJSON{}},
	{"seat-days", show.SeatJSON{}},
	{"what-if", show.WhatIfUserJSON{}},
	{"what-if: outcome", show.WhatIfOutcomeJSON{}},
	{"watch", show.WatchJSON{}},
	{"audit search", show.RecordJSON{}},
	{"audit coverage", show.CoverageJSON{}},
	{"audit import", show.AuditImportJSON{}},
	{"audit import: effect", show.EffectJSON{}},
	{"import", show.ImportJSON{}},
	{"verify", show.CheckJSON{}},
	{"doctor", doctor.DoctorJSON{}},
	{"doctor --permissions", doctor.GrantJSON{}},
	{"fleet health", show.HealthJSON{}},
	{"fleet discover", show.DiscoveredJSON{}},
	{"notify", announce.OutcomeJSON{}},
}

// TestContract keeps docs/contract.md true: a field that is renamed, retyped or
// dropped shows as a difference there.
func TestContract(t *testing.T) {
	s := &shapes{}
	var commands strings.Builder
	for _, i := range items {
		fmt.Fprintf(&commands, "- `%s`: %s\n", i.commands, s.of(reflect.TypeOf(i.item)))
	}
	checkSections(t, "../../../../docs/contract.md", map[string]string{
		"json":  commands.String() + "\n" + s.text.String(),
		"codes": codesTable(t),
	})
}

// shapes writes types of Go as shapes of JSON; each type that is made of fields
// once, under its name.
type shapes struct {
	text strings.Builder
	done []string
}

func (s *shapes) of(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem()) + "?"
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return "value"
	case t.Kind() == reflect.Slice:
		return "[" + s.of(t.Elem()) + "]"
	case t.Kind() == reflect.Map:
		return "{" + s.of(t.Key()) + ": " + s.of(t.Elem()) + "}"
	case t.Kind() == reflect.Struct:
		return s.object(t)
	case t.Kind() == reflect.Interface:
		return "value"
	}
	names := map[reflect.Kind]string{reflect.String: "text", reflect.Bool: "true|false", reflect.Int: "number", reflect.Int64: "number", reflect.Float64: "number"}
	return names[t.Kind()]
}

func (s *shapes) object(t reflect.Type) string {
	name := shapeName(t)
	if slices.Contains(s.done, name) {
		return name
	}
	s.done = append(s.done, name)
	var fields []string
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" || f.Anonymous || !f.IsExported() {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		fields = append(fields, fmt.Sprintf("`%s` %s", tag, s.of(f.Type)))
	}
	fmt.Fprintf(&s.text, "**%s**: %s\n\n", name, strings.Join(fields, ", "))
	return name
}

// shapeName is what a type is called in the contract: GroupErrorJSON is "group
// error", and snapshot.Units is "snapshot units".
func shapeName(t reflect.Type) string {
	name, ours := strings.CutSuffix(t.Name(), "JSON")
	words := regexp.MustCompile(`SKU|[A-Z]+[a-z]*|[a-z]+`).FindAllString(name, -1)
	if !ours {
		words = append([]string{strings.Split(t.String(), ".")[0]}, words...)
	}
	return strings.ToLower(strings.Join(words, " "))
}

func codesTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| code | meaning |\n|---|---|\n")
	rows := regexp.MustCompile(`(?m)^  (\d+) +(.+)$`).FindAllStringSubmatch(newExitCodes().Long, -1)
	explained := map[int]bool{}
	for _, m := range rows {
		code, _ := strconv.Atoi(m[1]) // digits
		explained[code] = true
		fmt.Fprintf(&b, "| %s | %s |\n", m[1], m[2])
	}
	for code := range 256 {
		if _, known := exit.Meaning(code); known != explained[code] {
			t.Errorf("exit code %d: explained is %t, known to package exit is %t", code, explained[code], known)
		}
	}
	return b.String()
}

// TestContract_Words: the page names every kind, cause, initiator and reason.
func TestContract_Words(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	named := func(what string) {
		if !strings.Contains(string(text), "`"+what+"`") {
			t.Errorf("docs/contract.md does not name %q", what)
		}
	}
	for _, k := range snapshot.Kinds {
		named(string(k))
	}
	for _, c := range snapshot.Causes {
		named(string(c))
	}
	for why := range show.UnknownTexts {
		named(string(why))
	}
}
