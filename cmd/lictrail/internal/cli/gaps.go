package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// needs says what the answer of each command rests on beside users and SKUs. A
// test finds what is missing here: it runs every command with each read refused,
// and no answer may differ from that with the read permitted unless it is listed.
var needs = map[string][]snapshot.Read{
	"assignments":    {snapshot.ReadGroups, snapshot.ReadAuditLog},
	"audit coverage": {snapshot.ReadOrganization, snapshot.ReadAuditLog}, // Microsoft keeps the log longer with some plans
	"audit events":   {snapshot.ReadAuditLog},
	"audit search":   {snapshot.ReadAuditLog},
	"changes":        {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"groups":         {snapshot.ReadGroups},
	"history":        {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"reclaim":        {snapshot.ReadSubscriptions, snapshot.ReadGroups, snapshot.ReadAuditLog, snapshot.ReadActivity, snapshot.ReadNames},
	"report":         slices.Clone(snapshot.Reads),
	"seat-days":      {snapshot.ReadAuditLog},
	"skus":           {snapshot.ReadSubscriptions},
	"sync":           {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"watch":          {snapshot.ReadGroups, snapshot.ReadAuditLog},
	"who":            {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
}

// readings are how the runs read what they may leave out.
type readings struct {
	coverage []snapshot.Coverage
	activity map[snapshot.RunID]map[snapshot.ActivitySource]snapshot.ActivityGap
	groups   snapshot.RunID // that was the first to read a group; 0: none was
	owners   bool           // there are applications whose owner was asked for in vain
}

func loadReadings(ctx context.Context, h *store.History) (*readings, error) {
	coverage, err := h.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	activity, err := h.ActivityReadsByRun(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := h.FirstGroupRead(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := h.OwnersWanted(ctx)
	return &readings{coverage, activity, groups, owners}, err
}

// gapsIn are the gaps of a command's answer, at the run that is asked about.
func (n names) gapsIn(command string) []snapshot.Gap {
	if n.read == nil {
		return nil
	}
	var gaps []snapshot.Gap
	for _, what := range needs[command] {
		switch what {
		case snapshot.ReadAuditLog:
			gaps = append(gaps, n.auditGap()...)
		case snapshot.ReadActivity:
			gaps = append(gaps, n.activityGaps()...)
		case snapshot.ReadNames:
			gaps = append(gaps, n.concealedGaps()...)
		default:
			if gap, ok := snapshot.GapOf(what, "", n.readingsOf(what)); ok {
				gaps = append(gaps, gap)
			}
		}
	}
	return gaps
}

// runsDown are the complete runs up to the one asked about, the newest first.
func (n names) runsDown() []*store.Run {
	runs := n.h.CompleteRuns()
	slices.Reverse(runs)
	return runs
}

// readingsOf is how the runs read what every run reads. One that failed left a
// warning with the read's name as its code.
func (n names) readingsOf(what snapshot.Read) []snapshot.Reading {
	var list []snapshot.Reading
	for _, r := range n.runsDown() {
		reading := snapshot.Reading{Run: r.ID, At: r.ObservedUntil}
		for _, w := range r.Warnings {
			if w.Code == string(what) {
				reading.Why = whyOf(w.Message)
			}
		}
		switch what {
		case snapshot.ReadDeletedUsers:
			reading.Skip = r.Previous == 0 // nobody can be missing from the first run
		case snapshot.ReadOwners: // each is asked for once
			reading.Skip = reading.Why == "" || !n.read.owners
		case snapshot.ReadGroups:
			reading.Skip = reading.Why == "" && (n.read.groups == 0 || r.ID < n.read.groups) // no group gave a license
		}
		list = append(list, reading)
	}
	return list
}

// whyOf is why a read failed, by how the run has worded it. Runs of earlier
// versions have left nothing but the words.
func whyOf(message string) snapshot.GapWhy {
	switch {
	case strings.Contains(message, graph.ErrAuth.Error()):
		return snapshot.GapNotPermitted
	case lacksWords.MatchString(message):
		return snapshot.GapNotInCloud
	}
	return snapshot.GapFailed
}

var lacksWords = regexp.MustCompile(fmt.Sprintf(connect.LacksWords, `\w+`))

// auditGap is the time since tracking began for which no source was read.
func (n names) auditGap() []snapshot.Gap {
	from, to := n.h.First.ObservedAt, n.h.At.ObservedUntil
	var first, last *snapshot.Coverage
	var length time.Duration
	for _, c := range snapshot.UnionCoverage(n.read.coverage, from, to) {
		if c.Complete {
			continue
		}
		length += c.To.Sub(c.From)
		if last = &c; first == nil {
			first = &c
		}
	}
	if first == nil {
		return nil
	}
	gap := snapshot.Gap{What: snapshot.ReadAuditLog, Why: snapshot.GapNotAsked, Run: n.h.At.ID, Length: length}
	if snapshot.Covered(n.read.coverage, from.Add(-time.Millisecond), n.h.First.ObservedUntil) {
		gap.Since = first.From
	}
	switch {
	case last.To.Before(to):
		gap.Until = last.To
	case first.From.Equal(last.From):
		gap.Length = 0 // all of the time since
	}
	for _, r := range n.runsDown() { // the newest that was to read it
		if !r.ObservedUntil.After(last.From) {
			break
		}
		if r.Audit != nil && r.Audit.Complete {
			gap.Late = true
		}
		if r.Audit != nil && !r.Audit.Complete {
			gap.Run, gap.Why, gap.Late = r.ID, whyOf(last.Why), false
			break
		}
	}
	return []snapshot.Gap{gap}
}

// activityGaps are the sources that could not be read or, if none was ever asked
// for, all of them.
func (n names) activityGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	asked := false
	for _, source := range snapshot.ActivitySources {
		list := n.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
			switch g {
			case "", snapshot.Concealed:
				return ""
			case snapshot.NotPermitted, snapshot.NoPremium:
				return snapshot.GapNotPermitted
			case snapshot.NotInCloud:
				return snapshot.GapNotInCloud
			}
			return snapshot.GapFailed
		})
		asked = asked || slices.ContainsFunc(list, func(r snapshot.Reading) bool { return !r.Skip })
		if gap, ok := snapshot.GapOf(snapshot.ReadActivity, source, list); ok {
			gaps = append(gaps, gap)
		}
	}
	if !asked {
		return []snapshot.Gap{{What: snapshot.ReadActivity, Why: snapshot.GapNotAsked, Run: n.h.At.ID}}
	}
	return gaps
}

// concealedGaps are the usage reports that conceal whom they are about.
func (n names) concealedGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	for _, source := range snapshot.ActivitySources {
		list := n.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
			if g == snapshot.Concealed {
				return snapshot.GapNotPermitted
			}
			return ""
		})
		if gap, ok := snapshot.GapOf(snapshot.ReadNames, source, list); ok {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

func (n names) activityReadings(source snapshot.ActivitySource, why func(snapshot.ActivityGap) snapshot.GapWhy) []snapshot.Reading {
	var list []snapshot.Reading
	for _, r := range n.runsDown() {
		gap, asked := n.read.activity[r.ID][source]
		list = append(list, snapshot.Reading{Run: r.ID, At: r.ObservedUntil, Why: why(gap), Skip: !asked})
	}
	return list
}

// gapWords has, for each read, the facts that it gives (tells), the operation by
// which the required permission is looked up (op), and the command whose run does
// the read (ask).
var gapWords = map[snapshot.Read]struct{ tells, op, ask string }{
	snapshot.ReadOrganization:  {"the tenant's name and plans", "organization", ""},
	snapshot.ReadSubscriptions: {"what is bought and when it lapses", "subscriptions", ""},
	snapshot.ReadGroups:        {"names, rules and licenses of groups", "group", ""},
	snapshot.ReadDeletedUsers:  {"who was deleted", "deleted users", ""},
	snapshot.ReadOwners:        {"who owns the applications that did something", "application owners", ""},
	snapshot.ReadAuditLog:      {"who did what, and what was done and undone between two runs", "directory audits", "lictrail sync --audit-source graph"},
	snapshot.ReadActivity:      {"when users were last active", "usage report", "lictrail sync --activity all"},
	snapshot.ReadNames:         {"whom the usage reports are about, which conceal names", "", ""},
}

// needsOf is what would fill a gap; "" if nothing is known to.
func needsOf(g snapshot.Gap) string {
	words := gapWords[g.What]
	op := words.op
	if g.Source == snapshot.SignIns {
		op = "sign-ins"
	}
	switch {
	case g.What == snapshot.ReadNames:
		return "an administrator shows them under Settings, Org settings, Reports"
	case g.Late:
		return "lictrail sync every week or more often"
	case g.Why == snapshot.GapNotAsked:
		return words.ask
	case g.Why == snapshot.GapNotPermitted:
		for _, p := range graph.Permissions() {
			if p.Op == op {
				return "the application permission " + p.Application
			}
		}
	}
	return ""
}

// sentenceOf words a gap, or several of one kind, for people.
func sentenceOf(gaps []snapshot.Gap) string {
	g := gaps[0]
	text := "Not known"
	switch {
	case !g.Since.IsZero() && dayWords(g.Since) == dayWords(g.Until):
		text += fmt.Sprintf(" for %s on %s", lengthWords(g.Length), dayWords(g.Since))
	case !g.Since.IsZero() && !g.Until.IsZero():
		text += fmt.Sprintf(" for %s from %s to %s", lengthWords(g.Length), dayWords(g.Since), dayWords(g.Until))
	case !g.Since.IsZero() && g.Length > 0:
		text += fmt.Sprintf(" for %s since %s", lengthWords(g.Length), dayWords(g.Since))
	case !g.Since.IsZero():
		text += " since " + dayWords(g.Since)
	case !g.Until.IsZero():
		text += fmt.Sprintf(" for %s before %s", lengthWords(g.Length), dayWords(g.Until))
	}
	text += ": " + gapWords[g.What].tells
	var sources []string
	for _, g := range gaps {
		if g.Source != "" {
			sources = append(sources, string(g.Source))
		}
	}
	if len(sources) > 0 {
		text += " (" + strings.Join(sources, ", ") + ")"
	}
	needs := needsOf(g)
	switch g.Why {
	case snapshot.GapNotAsked:
		text += ". No run read it"
		if g.Late {
			text += " before Microsoft forgot it"
		}
		if needs != "" {
			text += ": " + needs
		}
	case snapshot.GapNotPermitted:
		text += ". It may not be read"
		if needs != "" {
			text += "; what would tell: " + needs
		}
	case snapshot.GapNotInCloud:
		text += ". The tenant's cloud does not offer it"
	default:
		text += fmt.Sprintf(". It could not be read: lictrail runs show %d", g.Run)
	}
	return text + "."
}

// lengthWords words a length of time in its largest unit.
func lengthWords(d time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= unit.length {
			return plural(int(d/unit.length), unit.name)
		}
	}
	return "less than a minute"
}

// gapSentences words gaps, those that differ by their source alone in one.
func gapSentences(gaps []snapshot.Gap) []string {
	var texts []string
	for len(gaps) > 0 {
		var same, rest []snapshot.Gap
		for _, g := range gaps {
			like := g
			like.Source, like.Run = gaps[0].Source, gaps[0].Run
			if like == gaps[0] && (g.Source == snapshot.SignIns) == (gaps[0].Source == snapshot.SignIns) {
				same = append(same, g)
			} else {
				rest = append(rest, g)
			}
		}
		texts = append(texts, sentenceOf(same))
		gaps = rest
	}
	return texts
}

// notKnown stands in a cell for what was not read.
const notKnown = "not known"

// newGapJSON is a gap as the contract has it.
func newGapJSON(g snapshot.Gap) out.Gap {
	text := func(s string) *string { return orNull(s) }
	return out.Gap{What: string(g.What), Source: text(string(g.Source)), Why: string(g.Why), Since: stamp(g.Since), Until: stamp(g.Until), Needs: text(needsOf(g))}
}

func (n names) gapsJSON(command string) []out.Gap {
	list := []out.Gap{}
	for _, g := range n.gapsIn(command) {
		list = append(list, newGapJSON(g))
	}
	return list
}

// lacks reports whether something that the command needs was never read: what
// there is of it is then not known, rather than none.
func (n names) lacks(what snapshot.Read) bool {
	if n.read == nil {
		return false
	}
	gap, ok := snapshot.GapOf(what, "", n.readingsOf(what))
	return ok && gap.Since.IsZero()
}

// unread reports whether the command's answer lacks any of these reads.
func (n names) unread(command string, reads ...snapshot.Read) bool {
	return slices.ContainsFunc(n.gapsIn(command), func(g snapshot.Gap) bool { return slices.Contains(reads, g.What) })
}

// tellGaps says below an answer what it would have needed: as a part of the text,
// on stderr beside CSV and records. JSON, workbooks and pages have a place for it.
// below: there is something above it.
func (n names) tellGaps(e *env, below bool) error {
	texts := gapSentences(n.gapsIn(e.command))
	if len(texts) == 0 {
		return nil
	}
	switch {
	case e.format == "text" && !e.aside:
		if below {
			if err := e.Printf("\n"); err != nil {
				return err
			}
		}
		for _, text := range texts {
			if err := e.Paragraph(text); err != nil {
				return err
			}
		}
	case !slices.Contains([]string{"json", formatWorkbook, "html"}, e.format):
		for _, text := range texts {
			e.Warnf("%s", text)
		}
	}
	return nil
}
