package ask

import (
	"context"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Needs says what the answer of each command rests on beside users and SKUs. A
// test finds what is missing here: it runs every command with each read refused,
// and no answer may differ from that with the read permitted unless it is listed.
var Needs = map[string][]snapshot.Read{
	"actors":          {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"assignments":     {snapshot.ReadAgents, snapshot.ReadGroups, snapshot.ReadAuditLog},
	"audit coverage":  {snapshot.ReadOrganization, snapshot.ReadAuditLog}, // Microsoft keeps the log longer with some plans
	"audit events":    {snapshot.ReadAuditLog},
	"audit search":    {snapshot.ReadAuditLog},
	"changes":         {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"find":            {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog},
	"groups":          {snapshot.ReadGroups},
	"history":         {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"reclaim":         {snapshot.ReadSubscriptions, snapshot.ReadAgents, snapshot.ReadGroups, snapshot.ReadAuditLog, snapshot.ReadActivity, snapshot.ReadNames},
	"report":          slices.Clone(snapshot.Reads),
	"seat-days":       {snapshot.ReadAuditLog},
	"seats flow":      {snapshot.ReadSubscriptions, snapshot.ReadAgents, snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners, snapshot.ReadActivity, snapshot.ReadNames},
	"seats first-use": {snapshot.ReadAgents, snapshot.ReadAuditLog, snapshot.ReadActivity, snapshot.ReadNames},
	"skus":            {snapshot.ReadSubscriptions, snapshot.ReadAgents},
	"what-if":         {snapshot.ReadSubscriptions, snapshot.ReadGroups},
	"sync":            {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"watch":           {snapshot.ReadGroups, snapshot.ReadAuditLog},
	"who":             {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
}

// AssignmentsActivity is the command assignments with a flag that asks for more.
const AssignmentsActivity = "assignments --activity"

// needsWith is [Needs] for commands with flags that ask for more.
var needsWith = map[string][]snapshot.Read{
	AssignmentsActivity: append(slices.Clone(Needs["assignments"]), snapshot.ReadActivity, snapshot.ReadNames),
}

// readings are how the runs read what they may leave out.
type readings struct {
	coverage []snapshot.Coverage
	activity map[snapshot.RunID]map[snapshot.ActivitySource]snapshot.ActivityGap
	groups   snapshot.RunID // that was the first to read a group; 0: none was
	owners   bool           // there are applications whose owner was asked for in vain
}

func readReadings(ctx context.Context, h *store.History) (*readings, error) {
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

// Gaps are the gaps of a command's answer, at the run that is asked about.
func (b *Book) Gaps(command string) []snapshot.Gap {
	if b.reads == nil {
		return nil
	}
	var gaps []snapshot.Gap
	for _, what := range append(slices.Clone(Needs[command]), needsWith[command]...) {
		switch what {
		case snapshot.ReadAuditLog:
			gaps = append(gaps, b.auditGap()...)
		case snapshot.ReadActivity:
			gaps = append(gaps, b.activityGaps()...)
		case snapshot.ReadNames:
			gaps = append(gaps, b.concealedGaps()...)
		default:
			if gap, ok := snapshot.GapOf(what, "", b.readingsOf(what)); ok {
				gaps = append(gaps, gap)
			}
		}
	}
	return gaps
}

// runsDown are the complete runs up to the one asked about, the newest first.
func (b *Book) runsDown() []*store.Run {
	runs := b.History.CompleteRuns()
	slices.Reverse(runs)
	return runs
}

// readingsOf is how the runs read what every run reads. One that failed left a
// warning with the read's name as its code.
func (b *Book) readingsOf(what snapshot.Read) []snapshot.Reading {
	var list []snapshot.Reading
	for _, r := range b.runsDown() {
		reading := snapshot.Reading{Run: r.ID, At: r.ObservedUntil}
		for _, w := range r.Warnings {
			if w.Code == string(what) {
				reading.Why = snapshot.GapWhyOf(w.Message)
			}
		}
		switch what {
		case snapshot.ReadDeletedUsers:
			reading.Skip = r.Previous == 0 // nobody can be missing from the first run
		case snapshot.ReadOwners: // each is asked for once
			reading.Skip = reading.Why == "" || !b.reads.owners
		case snapshot.ReadGroups:
			reading.Skip = reading.Why == "" && (b.reads.groups == 0 || r.ID < b.reads.groups) // no group gave a license
		}
		list = append(list, reading)
	}
	return list
}

// auditGap is the time since tracking began for which no source was read.
func (b *Book) auditGap() []snapshot.Gap {
	from, to := b.History.First.ObservedAt, b.History.At.ObservedUntil
	var first, last *snapshot.Coverage
	var length time.Duration
	for _, c := range snapshot.UnionCoverage(b.reads.coverage, from, to) {
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
	gap := snapshot.Gap{What: snapshot.ReadAuditLog, Why: snapshot.GapNotAsked, Run: b.History.At.ID, Length: length}
	if snapshot.Covered(b.reads.coverage, from.Add(-time.Millisecond), b.History.First.ObservedUntil) {
		gap.Since = first.From
	}
	switch {
	case last.To.Before(to):
		gap.Until = last.To
	case first.From.Equal(last.From):
		gap.Length = 0 // all of the time since
	}
	for _, r := range b.runsDown() { // the newest that was to read it
		if !r.ObservedUntil.After(last.From) {
			break
		}
		if r.Audit != nil && r.Audit.Complete {
			gap.Late = true
		}
		if r.Audit != nil && !r.Audit.Complete {
			gap.Run, gap.Why, gap.Late = r.ID, snapshot.GapWhyOf(last.Why), false
			break
		}
	}
	return []snapshot.Gap{gap}
}

// activityGaps are the sources that could not be read or, if none was ever asked
// for, all of them.
func (b *Book) activityGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	asked := false
	for _, source := range snapshot.ActivitySources {
		list := b.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
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
		return []snapshot.Gap{{What: snapshot.ReadActivity, Why: snapshot.GapNotAsked, Run: b.History.At.ID}}
	}
	return gaps
}

// concealedGaps are the usage reports that conceal whom they are about.
func (b *Book) concealedGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	for _, source := range snapshot.ActivitySources {
		list := b.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
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

func (b *Book) activityReadings(source snapshot.ActivitySource, why func(snapshot.ActivityGap) snapshot.GapWhy) []snapshot.Reading {
	var list []snapshot.Reading
	for _, r := range b.runsDown() {
		gap, asked := b.reads.activity[r.ID][source]
		list = append(list, snapshot.Reading{Run: r.ID, At: r.ObservedUntil, Why: why(gap), Skip: !asked})
	}
	return list
}

// Lacks reports whether something that the command needs was never read: what
// there is of it is then not known, rather than none.
func (b *Book) Lacks(what snapshot.Read) bool {
	if b.reads == nil {
		return false
	}
	gap, ok := snapshot.GapOf(what, "", b.readingsOf(what))
	return ok && gap.Since.IsZero()
}

// Unread reports whether the command's answer lacks any of these reads.
func (b *Book) Unread(command string, reads ...snapshot.Read) bool {
	return slices.ContainsFunc(b.Gaps(command), func(g snapshot.Gap) bool { return slices.Contains(reads, g.What) })
}
