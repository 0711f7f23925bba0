package lake

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// source reads the rows of one tenant out of its history, in which people go by
// pseudonyms.
type source struct {
	h      *store.History
	runs   []*store.Run // all of them
	whole  []*store.Run // the complete ones
	tenant string
	after  tenantState // what was exported before: only what came later is read
	until  tenantState // what has been read
	// emit takes a row of a table and the month that it belongs to.
	emit func(t *table, month string, row any) error
}

// newSource begins to read a history whose people go by pseudonyms. before says
// what is in the lake already; nil: nothing.
func newSource(ctx context.Context, h *store.History, before *tenantState) (*source, error) {
	runs, err := h.Attempts(ctx)
	if err != nil {
		return nil, err
	}
	s := &source{h: h, runs: runs, whole: h.CompleteRuns(), tenant: string(h.Tenant.ID)}
	if before != nil {
		s.after = *before
	}
	s.until = s.after
	s.until.Tenant, s.until.FirstRun, s.until.NewestRun = s.tenant, int64(h.First.ID), int64(h.At.ID)
	s.until.ObservedUntil, s.until.Rows = h.At.ObservedUntil.UTC(), maps.Clone(s.after.Rows)
	if s.until.Rows == nil {
		s.until.Rows = map[string]int64{}
	}
	s.until.Seals, s.until.Head, err = h.End(ctx)
	return s, err
}

func monthOf(t time.Time) string { return t.UTC().Format("2006-01") }

// monthOfRun is the month of a run: when it observed the tenant or, where it did
// not come that far, when it started.
func (s *source) monthOfRun(id snapshot.RunID) string {
	i, ok := slices.BinarySearchFunc(s.runs, id, func(r *store.Run, id snapshot.RunID) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return monthOf(s.h.At.ObservedUntil)
	}
	if r := s.runs[i]; !r.ObservedUntil.IsZero() {
		return monthOf(r.ObservedUntil)
	}
	return monthOf(s.runs[i].StartedAt)
}

// appended reads the tables whose rows are never corrected.
func (s *source) appended(ctx context.Context) error {
	for _, read := range []func(context.Context) error{s.readRuns, s.readChanges, s.readCauses, s.readSKUs, s.readSubscriptions, s.readGroups, s.readCoverage, s.readActivityReads} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// statements reads the tables whose rows are derived.
func (s *source) statements(ctx context.Context) error {
	for _, read := range []func(context.Context) error{s.readPeriods, s.readHoldings, s.readActivity} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return nil
}

func number(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	return &n.Int64
}

func (s *source) readRuns(context.Context) error {
	t := tableOf(tableRuns)
	for i, r := range s.runs {
		if int64(r.ID) <= s.after.LastRun {
			continue
		}
		if r.EndedAt.IsZero() && i == len(s.runs)-1 {
			break // it may be at work
		}
		codes := make([]string, len(r.Warnings))
		for i, w := range r.Warnings {
			codes[i] = w.Code
		}
		row := &runRow{Tenant: s.tenant, Run: int64(r.ID), Status: r.Status, StartedAt: r.StartedAt, EndedAt: r.EndedAt, ObservedAt: r.ObservedAt,
			ObservedUntil: r.ObservedUntil, Users: number(r.Users), LicensedUsers: number(r.LicensedUsers), Assignments: number(r.Assignments),
			Changes: number(r.Changes), Requests: number(r.Requests), Warnings: strings.Join(codes, " "), Error: r.Error, Head: r.Head, Version: r.Version}
		if r.Previous != 0 {
			row.PreviousRun = new(int64(r.Previous))
		}
		if err := s.emit(t, s.monthOfRun(r.ID), row); err != nil {
			return err
		}
		s.until.LastRun = int64(r.ID)
	}
	return nil
}

func pathOf(p *snapshot.PathRef) (kind, group string) {
	if p == nil {
		return "", ""
	}
	return string(p.Kind), string(p.Group)
}

func joined[T ~string](ids []T) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return strings.Join(words, " ")
}

func (s *source) readChanges(ctx context.Context) error {
	t := tableOf(tableChanges)
	for c, err := range s.h.Changes(ctx, store.ChangeFilter{AfterID: s.after.LastChange}) {
		if err != nil {
			return err
		}
		seen := c.AsSeen()
		row := &changeRow{Tenant: s.tenant, ChangeID: c.ID, Run: int64(c.Run), Kind: string(c.Kind), Observed: c.Observed, UserKey: string(c.User), SKUID: string(c.SKU),
			NotBefore: c.Window.NotBefore, NotAfter: c.Window.NotAfter, Presence: string(c.Presence)}
		row.PathKind, row.GroupID = pathOf(seen.Path)
		row.FromPathKind, row.FromGroupID = pathOf(seen.From)
		if p := c.Plans; p != nil {
			row.PlansDisabled, row.PlansEnabled = joined(p.Disabled), joined(p.Enabled)
		}
		if d := c.State; d != nil {
			row.StateFrom, row.StateTo, row.ErrorFrom, row.ErrorTo = d.From, d.To, d.ErrorFrom, d.ErrorTo
		}
		if u := c.Units; u != nil {
			row.UnitsFrom, row.UnitsTo = new(u.From.Enabled), new(u.To.Enabled)
		}
		if c.User == "" {
			row.Affected = new(int64(c.Affected))
		}
		if err := s.emit(t, s.monthOfRun(c.Run), row); err != nil {
			return err
		}
		s.until.LastChange = c.ID
	}
	return nil
}

// actorOf is an actor's kind, key, and the name of one that is an application.
func actorOf(a *snapshot.Actor) (kind, key, app string) {
	if a == nil {
		return "", "", ""
	}
	if a.Kind != snapshot.ActorUser {
		app = a.Name
	}
	return string(a.Kind), cmp.Or(a.ID, a.UPN), app
}

func (s *source) readCauses(ctx context.Context) error {
	t := tableOf(tableCauses)
	for r, err := range s.h.Causes(ctx, s.after.LastCause) {
		if err != nil {
			return err
		}
		row := &causeRow{Tenant: s.tenant, ChangeID: r.Change, Revision: int32(r.Number), Run: int64(r.Run), Cause: string(r.Cause), Initiator: string(r.Initiator),
			Confidence: string(r.Confidence), UnknownWhy: string(r.UnknownWhy), ExactAt: r.At, EvidenceRecords: int32(len(r.Evidence)), Reason: r.Reason,
			RulesVersion: int32(r.Rules), AttributionOrder: r.ID}
		row.ActorKind, row.ActorKey, row.ActorApp = actorOf(r.Actor)
		if r.Actor != nil {
			row.ClientApp = r.Actor.ClientApp
		}
		if v := r.Via; v != nil {
			row.ViaTrigger, row.ViaGroupID, row.ViaAt = string(v.Trigger), string(v.Group), v.At
			row.ViaActorKind, row.ViaActorKey, _ = actorOf(v.Actor)
		}
		if err := s.emit(t, s.monthOfRun(r.Run), row); err != nil {
			return err
		}
		s.until.LastCause = r.ID
	}
	return nil
}

// versioned turns versions into rows: one where a version begins, and one where a
// version ends that no other follows. They come in the order of runs.
func versioned[T any](s *source, versions []store.Dated[T], id func(*T) string, emit func(run snapshot.RunID, gone bool, state *T) error) error {
	type beginning struct {
		id  string
		run snapshot.RunID
	}
	begun := map[beginning]bool{}
	for i := range versions {
		begun[beginning{id(&versions[i].State), versions[i].From}] = true
	}
	type event struct {
		run   snapshot.RunID
		gone  bool
		state *T
	}
	var events []event
	for i := range versions {
		v := &versions[i]
		if int64(v.From) > s.after.NewestRun {
			events = append(events, event{v.From, false, &v.State})
		}
		if int64(v.To) > s.after.NewestRun && !begun[beginning{id(&v.State), v.To}] {
			events = append(events, event{v.To, true, &v.State})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.run, b.run), strings.Compare(id(a.state), id(b.state)))
	})
	for _, e := range events {
		if err := emit(e.run, e.gone, e.state); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) readSKUs(ctx context.Context) error {
	t := tableOf(tableSKUs)
	versions, err := collect(s.h.SKUVersions(ctx))
	if err != nil {
		return err
	}
	return versioned(s, versions, func(k *store.SKUSeats) string { return string(k.ID) }, func(run snapshot.RunID, gone bool, k *store.SKUSeats) error {
		return s.emit(t, s.monthOfRun(run), &skuRow{Tenant: s.tenant, SKUID: string(k.ID), Run: int64(run), Gone: gone, PartNumber: k.PartNumber, AppliesTo: k.AppliesTo,
			Status: k.Status, Enabled: k.Units.Enabled, Warning: k.Units.Warning, Suspended: k.Units.Suspended, LockedOut: k.Units.LockedOut,
			Consumed: k.Consumed, Assigned: k.Assigned})
	})
}

func (s *source) readSubscriptions(ctx context.Context) error {
	t := tableOf(tableSubscriptions)
	versions, err := collect(s.h.SubscriptionVersions(ctx))
	if err != nil {
		return err
	}
	return versioned(s, versions, func(x *snapshot.Subscription) string { return x.ID }, func(run snapshot.RunID, gone bool, x *snapshot.Subscription) error {
		return s.emit(t, s.monthOfRun(run), &subscriptionRow{Tenant: s.tenant, SubscriptionID: x.ID, Run: int64(run), Gone: gone, SKUID: string(x.SKU), Status: x.Status,
			Total: x.Total, Trial: x.Trial, CreatedAt: x.CreatedAt, NextLifecycleAt: x.NextLifecycleAt, OwnerTenant: string(x.OwnerTenant)})
	})
}

func (s *source) readGroups(ctx context.Context) error {
	t := tableOf(tableGroups)
	versions, err := collect(s.h.GroupVersions(ctx))
	if err != nil {
		return err
	}
	return versioned(s, versions, func(g *snapshot.Group) string { return string(g.ID) }, func(run snapshot.RunID, ended bool, g *snapshot.Group) error {
		row := groupRow{Tenant: s.tenant, GroupID: string(g.ID), Run: int64(run), Gone: g.Gone || ended, GroupName: g.Name, DynamicGroup: g.Dynamic,
			ProcessingState: g.ProcessingState, OnPremisesSync: g.OnPremisesSync}
		if len(g.Licenses) == 0 || row.Gone {
			return s.emit(t, s.monthOfRun(run), &row)
		}
		for _, l := range g.Licenses {
			one := row
			one.SKUID, one.DisabledPlans = string(l.SKU), joined(l.Disabled)
			if err := s.emit(t, s.monthOfRun(run), &one); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *source) readCoverage(ctx context.Context) error {
	t := tableOf(tableCoverage)
	for c, err := range s.h.CoverageRows(ctx) {
		if err != nil {
			return err
		}
		if c.ID <= s.after.LastCoverage {
			continue
		}
		row := &coverageRow{Tenant: s.tenant, What: "audit", CoverageID: new(c.ID), Source: string(c.Source), FromAt: c.From, ToAt: c.To, Complete: c.Complete,
			Records: c.Events, Why: c.Why}
		month := monthOf(c.To)
		if c.Run != 0 {
			row.Run, month = new(int64(c.Run)), s.monthOfRun(c.Run)
		}
		if err := s.emit(t, month, row); err != nil {
			return err
		}
		s.until.LastCoverage = c.ID
	}
	return nil
}

func (s *source) readActivityReads(ctx context.Context) error {
	t := tableOf(tableCoverage)
	for r, err := range s.h.ActivityReadRows(ctx) {
		if err != nil {
			return err
		}
		if int64(r.Run) <= s.after.NewestRun {
			continue
		}
		err := s.emit(t, s.monthOfRun(r.Run), &coverageRow{Tenant: s.tenant, What: "activity", Run: new(int64(r.Run)), Source: string(r.Source), FromAt: r.Since, ToAt: r.Until,
			Complete: r.Gap == "", Records: int64(r.Users), Why: string(r.Gap)})
		if err != nil {
			return err
		}
	}
	return nil
}

func collect[T any](rows func(yield func(T, error) bool)) ([]T, error) {
	var all []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

// shownBy is the first complete run that ended at a time or later.
func (s *source) shownBy(at time.Time) snapshot.RunID {
	i := sort.Search(len(s.whole), func(i int) bool { return !s.whole[i].ObservedUntil.Before(at) })
	if i == len(s.whole) {
		return s.h.At.ID
	}
	return s.whole[i].ID
}

// heldBy says by which paths a SKU was held.
func heldBy(paths []snapshot.PathRef) string {
	direct := slices.ContainsFunc(paths, func(p snapshot.PathRef) bool { return p.Kind == snapshot.Direct })
	group := slices.ContainsFunc(paths, func(p snapshot.PathRef) bool { return p.Kind == snapshot.ByGroup })
	switch {
	case direct && group:
		return "both"
	case direct:
		return "direct"
	case group:
		return "group"
	}
	return "unknown"
}

func (s *source) readPeriods(ctx context.Context) error {
	for p, err := range s.h.Periods(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		if err := s.period(string(p.User.ID), p.SKU, p.Number, p.From, p.To, heldBy(p.Paths)); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) period(user string, sku snapshot.SKUID, number int, from snapshot.Date, to *snapshot.Date, by string) error {
	if err := s.periodEvent(user, sku, number, "begin", from, by); err != nil || to == nil {
		return err
	}
	return s.periodEvent(user, sku, number, "end", *to, by)
}

func (s *source) periodEvent(user string, sku snapshot.SKUID, number int, event string, d snapshot.Date, by string) error {
	run := s.shownBy(d.NotAfter)
	return s.emit(tableOf(tablePeriodEvents), s.monthOfRun(run), &periodEventRow{Tenant: s.tenant, UserKey: user, SKUID: string(sku), Period: int32(number), Event: event,
		EventAt: d.At, NotBefore: d.NotBefore, NotAfter: d.NotAfter, Precision: string(d.Precision), Source: string(d.Basis), HeldBy: by,
		statement: statement{Run: int64(run), Revision: 1}})
}

// readHoldings reads the days of closed months for which SKUs were held, and the
// periods that only the audit log saw.
func (s *source) readHoldings(ctx context.Context) error {
	within := s.closedDays()
	for holding, err := range s.h.Holdings(ctx, store.Filter{Also: store.AlsoAttributes}) {
		if err != nil {
			return err
		}
		user := string(holding.Person.ID)
		if !holding.Observed() {
			for i, stretch := range holding.Stretches {
				if err := s.period(user, holding.SKU, i+1, stretch.From, stretch.To, "unknown"); err != nil {
					return err
				}
			}
		}
		if within.To < within.From {
			continue
		}
		sure, possible := snapshot.HeldDays(holding.Stretches, s.h.At.ObservedAt, s.h.At.ObservedUntil)
		counts := snapshot.CountSeats(sure, possible, within, seatLabels(holding.About.Attributes))
		slices.SortFunc(counts, func(a, b snapshot.SeatDays) int {
			return cmp.Or(cmp.Compare(a.Month, b.Month), strings.Compare(a.Label, b.Label))
		})
		for _, c := range counts {
			department, country, _ := strings.Cut(c.Label, "\x00")
			month := monthOf(c.Month.Time())
			err := s.emit(tableOf(tableSeatDays), month, &seatDayRow{Tenant: s.tenant, SeatMonth: month, SKUID: string(holding.SKU), UserKey: user, Department: department,
				Country: country, MinDays: int32(c.Min), MaxDays: int32(c.Max), statement: statement{Run: s.firstAfter(month), Revision: 1}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// closedDays are the days since tracking began of the months that had ended when
// the newest complete run began.
func (s *source) closedDays() snapshot.Days {
	newest := s.h.At.ObservedAt.UTC()
	open := time.Date(newest.Year(), newest.Month(), 1, 0, 0, 0, 0, time.UTC)
	return snapshot.Days{From: snapshot.DayOf(s.h.First.ObservedAt), To: snapshot.DayOf(open) - 1}
}

// firstAfter is the first complete run that began after a month.
func (s *source) firstAfter(month string) int64 {
	i := sort.Search(len(s.whole), func(i int) bool { return monthOf(s.whole[i].ObservedAt) > month })
	if i == len(s.whole) {
		return int64(s.h.At.ID)
	}
	return int64(s.whole[i].ID)
}

// seatLabels are what a user's seats are charged to: department and country.
func seatLabels(rows []store.AttributeRow) []snapshot.Label {
	labels := make([]snapshot.Label, len(rows))
	for i, a := range rows {
		labels[i] = snapshot.Label{From: snapshot.DayOf(a.Run.ObservedUntil), Word: a.Department + "\x00" + a.Country}
	}
	return labels
}

func (s *source) readActivity(ctx context.Context) error {
	t := tableOf(tableActivity)
	for a, err := range s.h.ActiveTimes(ctx) {
		if err != nil {
			return err
		}
		err := s.emit(t, s.monthOfRun(a.Run), &activityRow{Tenant: s.tenant, UserKey: string(a.User), Kind: string(a.Kind), FromAt: a.From, LastAt: a.Last,
			statement: statement{Run: int64(a.Run), Revision: 1}})
		if err != nil {
			return err
		}
	}
	return nil
}

// tenantRow is the tenant as it is now.
func (s *source) tenantRow() *tenantRow {
	u := s.until
	return &tenantRow{Tenant: s.tenant, TenantName: s.h.ConcealText(s.h.Tenant.Name), FirstRun: u.FirstRun, NewestRun: u.NewestRun,
		ObservedAt: s.h.At.ObservedAt, ObservedUntil: s.h.At.ObservedUntil, Seals: u.Seals, Head: u.Head}
}

// userRows say who the digests are, in the order of the digests.
func (s *source) userRows(ctx context.Context) ([]*userRow, error) {
	named := s.h.Named()
	rows := map[string]*userRow{}
	for u, err := range named.NewestUsers(ctx) {
		if err != nil {
			return nil, err
		}
		concealed := u
		s.h.Conceal(&concealed)
		rows[string(concealed.ID)] = &userRow{Tenant: s.tenant, UserKey: string(concealed.ID), IsUser: true, UserID: string(u.ID), UPN: u.UPN, DisplayName: u.Name, Mail: u.Mail,
			Department: u.Department, Company: u.Company, Country: u.Country, UsageLocation: u.UsageLocation, UserType: u.Type, Enabled: u.Enabled, Presence: string(u.Presence)}
	}
	actors, err := named.Actors(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range actors {
		if a.Kind != snapshot.ActorUser || a.ID == "" && a.UPN == "" && a.Name == "" || store.Forgotten(a) {
			continue
		}
		concealed := a
		s.h.ConcealActor(&concealed)
		if known := rows[concealed.ID]; known == nil || !known.IsUser {
			rows[concealed.ID] = &userRow{Tenant: s.tenant, UserKey: concealed.ID, UserID: a.ID, UPN: a.UPN, DisplayName: a.Name}
		}
	}
	list := make([]*userRow, 0, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, rows[key])
	}
	return list, nil
}
