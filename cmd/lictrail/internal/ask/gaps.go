package ask

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Needs lists the reads that the answer of each command needs besides users and SKUs. A
// test checks that it is complete: it runs every command with each read refused, and only
// answers that are listed here may differ from those with the read permitted.
var Needs = map[string][]snapshot.Read{
	"actors":          {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"allotments":      {snapshot.ReadAgents, snapshot.ReadGroups, snapshot.ReadLicensing},
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
	"seats harvest":   {snapshot.ReadSubscriptions, snapshot.ReadAgents, snapshot.ReadGroups, snapshot.ReadAuditLog, snapshot.ReadActivity, snapshot.ReadNames},
	"skus":            {snapshot.ReadSubscriptions, snapshot.ReadAgents},
	"what-if":         {snapshot.ReadSubscriptions, snapshot.ReadGroups},
	"sync":            {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
	"watch":           {snapshot.ReadGroups, snapshot.ReadAuditLog},
	"who":             {snapshot.ReadGroups, snapshot.ReadDeletedUsers, snapshot.ReadAuditLog, snapshot.ReadOwners},
}

// AssignmentsActivity is the command assignments with a flag that asks for more.
const AssignmentsActivity = "assignments --activity"

// SKUsLapsing is the command skus with a flag that asks for more.
const SKUsLapsing = "skus --lapses"

// needsWith is [Needs] for commands with flags that ask for more.
var needsWith = map[string][]snapshot.Read{
	AssignmentsActivity: append(slices.Clone(Needs["assignments"]), snapshot.ReadActivity, snapshot.ReadNames),
	SKUsLapsing:         append(slices.Clone(Needs["skus"]), snapshot.ReadLicensing),
}

// NeedsOf is what a command's answer rests on, with the flags that ask for more.
func NeedsOf(command string) []snapshot.Read {
	return slices.Concat(Needs[command], needsWith[command])
}

// readings are how the runs read what they may leave out.
type readings struct {
	coverage  []snapshot.Coverage
	activity  map[snapshot.RunID]map[snapshot.ActivitySource]snapshot.ActivityGap
	licensing map[snapshot.RunID]map[snapshot.LicensingPart]snapshot.GapWhy
	groups    snapshot.RunID // that was the first to read a group; 0: none was
	owners    bool           // there are applications whose owner was asked for in vain
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
	licensing, err := h.LicensingReads(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := h.FirstGroupRead(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := h.OwnersWanted(ctx)
	return &readings{coverage, activity, licensing, groups, owners}, err
}

// runsLate is how old the newest run may be for what it shows to count as the present.
const runsLate = time.Hour

// About sets the stretch of time that the question is about; zero ends are open. Parts of
// it without a run are then gaps of the answer, because an empty list does not mean that
// nothing happened.
func (b *Book) About(from, until, now time.Time) {
	if from.IsZero() && until.IsZero() {
		return // all that is known
	}
	if until.IsZero() || until.After(now) {
		until = now
	}
	b.from, b.until = from, until
}

// Gaps are the gaps of a command's answer, at the run that is asked about.
func (b *Book) Gaps(command string) []snapshot.Gap {
	if b.reads == nil {
		return nil
	}
	return slices.Concat(runGaps(b.from, b.until, b.History.First.ObservedUntil, b.History.At.ObservedUntil), b.unkept, b.runReads().gaps(command))
}

// runGaps are the parts of a stretch that lie before the first run and after the newest.
func runGaps(from, until, first, newest time.Time) []snapshot.Gap {
	if until.IsZero() {
		return nil
	}
	var gaps []snapshot.Gap
	if !from.IsZero() && from.Before(first) || !until.After(first) {
		gaps = append(gaps, snapshot.Gap{What: snapshot.ReadRuns, Why: snapshot.GapNotAsked, Until: first})
	}
	if until.Sub(newest) > runsLate {
		gaps = append(gaps, snapshot.Gap{What: snapshot.ReadRuns, Why: snapshot.GapNotAsked, Since: newest})
	}
	return gaps
}

// runReads is how the runs up to the one that is asked about read what they may leave
// out.
type runReads struct {
	*readings
	first, at *store.Run
	runs      []*store.Run // complete ones, the newest first
}

func (b *Book) runReads() runReads {
	runs := b.History.CompleteRuns()
	slices.Reverse(runs)
	return runReads{b.reads, b.History.First, b.History.At, runs}
}

func (r runReads) gaps(command string) []snapshot.Gap {
	var gaps []snapshot.Gap
	for _, what := range NeedsOf(command) {
		switch what {
		case snapshot.ReadAuditLog:
			gaps = append(gaps, r.auditGap()...)
		case snapshot.ReadActivity:
			gaps = append(gaps, r.activityGaps()...)
		case snapshot.ReadNames:
			gaps = append(gaps, r.concealedGaps()...)
		case snapshot.ReadLicensing:
			if len(r.licensing) > 0 || command != "report" { // few tenants read it
				gaps = append(gaps, r.licensingGap()...)
			}
		default:
			if gap, ok := snapshot.GapOf(what, "", r.readingsOf(what)); ok {
				gaps = append(gaps, gap)
			}
		}
	}
	return gaps
}

// readingsOf is how the runs read what every run reads. One that failed left a
// warning with the read's name as its code.
func (r runReads) readingsOf(what snapshot.Read) []snapshot.Reading {
	var list []snapshot.Reading
	for _, run := range r.runs {
		reading := snapshot.Reading{Run: run.ID, At: run.ObservedUntil}
		for _, w := range run.Warnings {
			if w.Code == string(what) {
				reading.Why = snapshot.GapWhyOf(w.Message)
			}
		}
		switch what {
		case snapshot.ReadDeletedUsers:
			reading.Skip = run.Previous == 0 // nobody can be missing from the first run
		case snapshot.ReadOwners: // each is asked for once
			reading.Skip = reading.Why == "" || !r.owners
		case snapshot.ReadGroups:
			reading.Skip = reading.Why == "" && (r.groups == 0 || run.ID < r.groups) // no group gave a license
		}
		list = append(list, reading)
	}
	return list
}

// licensingGap is what the newest run does not know of cloud licensing: what a run
// before it read may have moved since.
func (r runReads) licensingGap() []snapshot.Gap {
	var list []snapshot.Reading
	for _, run := range r.runs {
		reading := snapshot.Reading{Run: run.ID, At: run.ObservedUntil, Why: snapshot.GapNotAsked}
		if parts, asked := r.licensing[run.ID]; asked {
			reading.Why = ""
			for _, part := range snapshot.LicensingParts {
				reading.Why = cmp.Or(reading.Why, parts[part])
			}
		}
		list = append(list, reading)
	}
	if gap, ok := snapshot.GapOf(snapshot.ReadLicensing, "", list); ok {
		return []snapshot.Gap{gap}
	}
	return nil
}

// licensingRead reports whether the run that is asked about read parts of cloud
// licensing.
func licensingRead(b *Book, parts ...snapshot.LicensingPart) bool {
	if b.reads == nil {
		return false
	}
	read := b.reads.licensing[b.History.At.ID]
	return !slices.ContainsFunc(parts, func(p snapshot.LicensingPart) bool {
		why, asked := read[p]
		return !asked || why != ""
	})
}

// auditGap is the time since tracking began for which no source was read.
func (r runReads) auditGap() []snapshot.Gap {
	from, to := r.first.ObservedAt, r.at.ObservedUntil
	var first, last *snapshot.Coverage
	var length time.Duration
	for _, c := range snapshot.UnionCoverage(r.coverage, from, to) {
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
	gap := snapshot.Gap{What: snapshot.ReadAuditLog, Why: snapshot.GapNotAsked, Run: r.at.ID, Length: length}
	if snapshot.Covered(r.coverage, from.Add(-time.Millisecond), r.first.ObservedUntil) {
		gap.Since = first.From
	}
	switch {
	case last.To.Before(to):
		gap.Until = last.To
	case first.From.Equal(last.From):
		gap.Length = 0 // all of the time since
	}
	for _, run := range r.runs { // the newest that was to read it
		if !run.ObservedUntil.After(last.From) {
			break
		}
		if run.Audit != nil && run.Audit.Complete {
			gap.Late = true
		}
		if run.Audit != nil && !run.Audit.Complete {
			gap.Run, gap.Why, gap.Late = run.ID, snapshot.GapWhyOf(last.Why), false
			break
		}
	}
	return []snapshot.Gap{gap}
}

// activityGaps are the sources that could not be read or, if none was ever asked
// for, all of them.
func (r runReads) activityGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	asked := false
	for _, source := range snapshot.ActivitySources {
		list := r.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
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
		return []snapshot.Gap{{What: snapshot.ReadActivity, Why: snapshot.GapNotAsked, Run: r.at.ID}}
	}
	return gaps
}

// concealedGaps are the usage reports that conceal whom they are about.
func (r runReads) concealedGaps() []snapshot.Gap {
	var gaps []snapshot.Gap
	for _, source := range snapshot.ActivitySources {
		list := r.activityReadings(source, func(g snapshot.ActivityGap) snapshot.GapWhy {
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

func (r runReads) activityReadings(source snapshot.ActivitySource, why func(snapshot.ActivityGap) snapshot.GapWhy) []snapshot.Reading {
	var list []snapshot.Reading
	for _, run := range r.runs {
		gap, asked := r.activity[run.ID][source]
		list = append(list, snapshot.Reading{Run: run.ID, At: run.ObservedUntil, Why: why(gap), Skip: !asked})
	}
	return list
}

// Lacks reports whether something that the command needs was never read: what
// there is of it is then not known, rather than none.
func (b *Book) Lacks(what snapshot.Read) bool {
	if b.reads == nil {
		return false
	}
	gap, ok := snapshot.GapOf(what, "", b.runReads().readingsOf(what))
	return ok && gap.Since.IsZero()
}

// Unread reports whether the command's answer lacks any of these reads.
func (b *Book) Unread(command string, reads ...snapshot.Read) bool {
	return slices.ContainsFunc(b.Gaps(command), func(g snapshot.Gap) bool { return slices.Contains(reads, g.What) })
}
