package cli

import (
	"cmp"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// The types of this file are the JSON that scripts hold on to. Fields may be
// added; none is renamed, retyped or dropped without raising the schema. What
// is absent is null, never a missing key.

// names turns ids into what people call the things.
type names struct {
	h    *store.History
	cat  *catalog.Catalog
	read *readings // nil: there is no answer that could have gaps
}

// stamp is a time as RFC 3339 in UTC, or null.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

// orNull is a text, or null where there is none.
func orNull[T ~string](s T) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}

type dateJSON struct {
	At        *string `json:"at"`
	NotBefore *string `json:"not_before"`
	NotAfter  *string `json:"not_after"`
	Precision string  `json:"precision"`
	Source    string  `json:"source"`
	Evidence  *string `json:"evidence"`
}

func newDate(d snapshot.Date) dateJSON {
	return dateJSON{stamp(d.At), stamp(d.NotBefore), stamp(d.NotAfter), string(d.Precision), string(d.Basis), orNull(d.Evidence)}
}

type userJSON struct {
	ID         string  `json:"id"`
	UPN        *string `json:"upn"`
	Name       *string `json:"name"`
	Department *string `json:"department"`
	Deleted    bool    `json:"deleted"`
}

func newUser(u *snapshot.User) userJSON {
	return userJSON{string(u.ID), orNull(u.UPN), orNull(u.Name), orNull(u.Department), u.Presence != snapshot.Present}
}

type skuJSON struct {
	ID         string  `json:"id"`
	PartNumber *string `json:"part_number"`
	Name       *string `json:"name"`
}

func (n names) sku(id snapshot.SKUID) skuJSON {
	part := n.partNumber(id)
	return skuJSON{string(id), orNull(part), orNull(n.cat.SKUName(id, part))}
}

// partNumber is the tenant's own word for a SKU, else the catalog's.
func (n names) partNumber(id snapshot.SKUID) string {
	if part := n.h.PartNumbers()[id]; part != "" {
		return part
	}
	s, _ := n.cat.SKU(id)
	return s.PartNumber
}

// plainSKU is the part number, or the id of a SKU that has none.
func (n names) plainSKU(id snapshot.SKUID) string { return cmp.Or(n.partNumber(id), string(id)) }

// shortSKU is the part number, with the id where other SKUs of the tenant have the
// same, or the id of a SKU that has none.
func (n names) shortSKU(id snapshot.SKUID) string {
	part := n.partNumber(id)
	switch {
	case part == "":
		return string(id)
	case n.h.SharesPartNumber(id):
		return part + " (" + string(id) + ")"
	}
	return part
}

type groupJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func (n names) group(id snapshot.GroupID) *groupJSON {
	if id == "" {
		return nil
	}
	return &groupJSON{string(id), orNull(n.h.GroupName(id))}
}

type planJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func (n names) plans(ids []snapshot.PlanID) []planJSON {
	out := make([]planJSON, len(ids))
	for i, id := range ids {
		out[i] = planJSON{string(id), orNull(n.plan(id))}
	}
	return out
}

func (n names) plan(id snapshot.PlanID) string { return cmp.Or(n.h.PlanName(id), n.cat.PlanName(id)) }

// pathRef words a path without its state: "direct", "unknown" or the group.
func (n names) pathWord(p *snapshot.PathRef) string {
	switch {
	case p == nil:
		return ""
	case p.Kind == snapshot.ByGroup:
		return cmp.Or(n.h.GroupName(p.Group), string(p.Group))
	}
	return string(p.Kind)
}

type pathJSON struct {
	Kind          string     `json:"kind"`
	Group         *groupJSON `json:"group"`
	State         string     `json:"state"`
	Error         *string    `json:"error"`
	DisabledPlans []planJSON `json:"disabled_plans"`
	Since         dateJSON   `json:"since"`
}

func (n names) path(p *store.PathSince) pathJSON {
	return pathJSON{string(p.Kind), n.group(p.Group), p.State, orNull(p.Error), n.plans(p.Disabled), newDate(p.Since)}
}

type pathRefJSON struct {
	Kind  string     `json:"kind"`
	Group *groupJSON `json:"group"`
}

func (n names) pathRef(p *snapshot.PathRef) *pathRefJSON {
	if p == nil {
		return nil
	}
	return &pathRefJSON{string(p.Kind), n.group(p.Group)}
}

type assignmentJSON struct {
	User          userJSON   `json:"user"`
	SKU           skuJSON    `json:"sku"`
	Paths         []pathJSON `json:"paths"`
	FirstAssigned dateJSON   `json:"first_assigned"`
	AssignedSince dateJSON   `json:"assigned_since"`
	Periods       int        `json:"periods"`
	GraphDate     *string    `json:"graph_date"`
}

func (n names) assignment(a *store.Assignment) assignmentJSON {
	paths := make([]pathJSON, len(a.Paths))
	for i := range a.Paths {
		paths[i] = n.path(&a.Paths[i])
	}
	return assignmentJSON{newUser(&a.User), n.sku(a.SKU), paths, newDate(a.First), newDate(a.Since), a.Periods, stamp(a.GraphDate)}
}

type plansJSON struct {
	Disabled []planJSON `json:"disabled"`
	Enabled  []planJSON `json:"enabled"`
}

type stateJSON struct {
	From      *string `json:"from"`
	To        *string `json:"to"`
	ErrorFrom *string `json:"error_from"`
	ErrorTo   *string `json:"error_to"`
}

type unitsJSON struct {
	From snapshot.Units `json:"from"`
	To   snapshot.Units `json:"to"`
}

type actorJSON struct {
	Kind      string  `json:"kind"`
	ID        *string `json:"id"`
	UPN       *string `json:"upn"`
	Name      *string `json:"name"`
	ClientApp *string `json:"client_app"`
}

func newActor(a *snapshot.Actor) *actorJSON {
	if a == nil {
		return nil
	}
	return &actorJSON{string(a.Kind), orNull(a.ID), orNull(a.UPN), orNull(a.Name), orNull(a.ClientApp)}
}

type viaJSON struct {
	Trigger string     `json:"trigger"`
	Group   *groupJSON `json:"group"`
	Actor   *actorJSON `json:"actor"`
	At      *string    `json:"at"`
}

type evidenceJSON struct {
	Source   string  `json:"source"`
	ID       string  `json:"id"`
	Activity string  `json:"activity"`
	At       *string `json:"at"`
}

type changeJSON struct {
	ID         int64          `json:"id"`
	Run        int64          `json:"run"`
	Kind       string         `json:"kind"`
	Observed   bool           `json:"observed"`
	User       *userJSON      `json:"user"`
	SKU        *skuJSON       `json:"sku"`
	Path       *pathRefJSON   `json:"path"`
	FromPath   *pathRefJSON   `json:"from_path"`
	Plans      *plansJSON     `json:"plans"`
	State      *stateJSON     `json:"state"`
	Units      *unitsJSON     `json:"units"`
	Affected   *int           `json:"affected_users"`
	GraphDate  *string        `json:"graph_date"` // date-moved: Microsoft's date now
	When       dateJSON       `json:"when"`
	Cause      string         `json:"cause"`
	Initiator  string         `json:"initiator"`
	Actor      *actorJSON     `json:"actor"`
	Via        *viaJSON       `json:"via"`
	Confidence string         `json:"confidence"`
	UnknownWhy *string        `json:"unknown_why"`
	Reason     string         `json:"reason"`
	Evidence   []evidenceJSON `json:"evidence"`
}

func (n names) change(c *store.ChangeRow) changeJSON {
	a := &c.Attribution
	j := changeJSON{
		ID: c.ID, Run: int64(c.Run), Kind: string(c.Kind), Observed: c.Observed,
		Path: n.pathRef(c.Path), FromPath: n.pathRef(c.From), GraphDate: stamp(c.Dated), When: newDate(c.When),
		Cause: string(a.Cause), Initiator: string(a.Initiator), Actor: newActor(a.Actor), Via: n.via(a.Via),
		Confidence: string(a.Confidence), UnknownWhy: orNull(a.UnknownWhy), Reason: a.Reason,
		Evidence: evidence(a.Evidence),
	}
	n.changeDetails(c, &j)
	return j
}

func (n names) changeDetails(c *store.ChangeRow, j *changeJSON) {
	if c.Person != nil {
		u := newUser(&c.Person.User)
		j.User = &u
	}
	if c.SKU != "" {
		s := n.sku(c.SKU)
		j.SKU = &s
	}
	if c.Plans != nil {
		j.Plans = &plansJSON{n.plans(c.Plans.Disabled), n.plans(c.Plans.Enabled)}
	}
	if c.State != nil {
		j.State = &stateJSON{orNull(c.State.From), orNull(c.State.To), orNull(c.State.ErrorFrom), orNull(c.State.ErrorTo)}
	}
	if c.Units != nil {
		j.Units = &unitsJSON{c.Units.From, c.Units.To}
	}
	if c.Affected > 0 {
		j.Affected = &c.Affected
	}
}

func (n names) via(v *snapshot.Via) *viaJSON {
	if v == nil {
		return nil
	}
	return &viaJSON{string(v.Trigger), n.group(v.Group), newActor(v.Actor), stamp(v.At)}
}

func evidence(refs []snapshot.EventRef) []evidenceJSON {
	out := make([]evidenceJSON, len(refs))
	for i, e := range refs {
		out[i] = evidenceJSON{string(e.Source), e.ID, e.Activity, stamp(e.At)}
	}
	return out
}

type warningJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type runAuditJSON struct {
	From     *string `json:"from"`
	To       *string `json:"to"`
	Complete bool    `json:"complete"`
	Events   int64   `json:"events"`
}

type runJSON struct {
	ID            int64         `json:"id"`
	Status        string        `json:"status"`
	ObservedAt    *string       `json:"observed_at"`
	ObservedUntil *string       `json:"observed_until"`
	Users         *int64        `json:"users"`
	LicensedUsers *int64        `json:"licensed_users"`
	Assignments   *int64        `json:"assignments"`
	Changes       *int64        `json:"changes"`
	Requests      *int64        `json:"requests"`
	Audit         *runAuditJSON `json:"audit"`
	Warnings      []warningJSON `json:"warnings"`
	Head          *string       `json:"head"`
	StartedAt     *string       `json:"started_at"`
	EndedAt       *string       `json:"ended_at"`
	Error         *string       `json:"error"`
}

func newRun(r *store.Run) runJSON {
	warnings := make([]warningJSON, len(r.Warnings))
	for i, w := range r.Warnings {
		warnings[i] = warningJSON(w)
	}
	j := runJSON{
		ID: int64(r.ID), Status: r.Status, ObservedAt: stamp(r.ObservedAt), ObservedUntil: stamp(r.ObservedUntil),
		Warnings: warnings, Head: orNull(r.Head), StartedAt: stamp(r.StartedAt), EndedAt: stamp(r.EndedAt), Error: orNull(r.Error),
	}
	for _, f := range []struct {
		to   **int64
		from *int64
		ok   bool
	}{
		{&j.Users, &r.Users.Int64, r.Users.Valid}, {&j.LicensedUsers, &r.LicensedUsers.Int64, r.LicensedUsers.Valid},
		{&j.Assignments, &r.Assignments.Int64, r.Assignments.Valid}, {&j.Changes, &r.Changes.Int64, r.Changes.Valid},
		{&j.Requests, &r.Requests.Int64, r.Requests.Valid},
	} {
		if f.ok {
			*f.to = f.from
		}
	}
	if a := r.Audit; a != nil {
		j.Audit = &runAuditJSON{stamp(a.From), stamp(a.To), a.Complete, a.Events}
	}
	return j
}

type subscriptionJSON struct {
	ID              string  `json:"id"`
	Status          string  `json:"status"`
	Total           int64   `json:"total"`
	Trial           bool    `json:"trial"`
	NextLifecycleAt *string `json:"next_lifecycle_at"`
}

func newSubscription(s snapshot.Subscription) subscriptionJSON {
	return subscriptionJSON{s.ID, s.Status, s.Total, s.Trial, stamp(s.NextLifecycleAt)}
}

type skuRowJSON struct {
	SKU           skuJSON            `json:"sku"`
	Status        string             `json:"status"`
	Prepaid       snapshot.Units     `json:"prepaid"`
	Consumed      int64              `json:"consumed"`
	Assigned      int64              `json:"assigned"`
	Available     int64              `json:"available"`
	ServicePlans  int                `json:"service_plans"`
	Subscriptions []subscriptionJSON `json:"subscriptions"`
	FirstSeen     *string            `json:"first_seen"`
	GoneAt        *string            `json:"gone_at"`
	OverAssigned  int64              `json:"over_assigned"`
	Trend         *trendJSON         `json:"trend"`
}

type trendJSON struct {
	Runs    int     `json:"runs"`
	PerWeek float64 `json:"per_week"`
	RunsOut *string `json:"runs_out"`
}

// perWeek is the trend to two decimals, or null.
func perWeek(t *snapshot.Trend) *float64 {
	if t == nil {
		return nil
	}
	rate := math.Round(t.PerWeek*100) / 100
	if rate == 0 {
		rate = 0 // not minus 0
	}
	return &rate
}

func (n names) skuRow(r *skuWithTrend) skuRowJSON {
	j := skuRowJSON{
		SKU: n.sku(r.ID), Status: r.Status, Prepaid: r.Units, Consumed: r.Consumed, Assigned: r.Assigned,
		Available: available(r.SKURow), ServicePlans: r.Plans, Subscriptions: []subscriptionJSON{},
	}
	if n.lacks(snapshot.ReadSubscriptions) {
		j.Subscriptions = nil // not known, rather than none
	}
	for _, s := range r.Bought {
		j.Subscriptions = append(j.Subscriptions, newSubscription(s))
	}
	if r.First != nil {
		j.FirstSeen = stamp(r.First.ObservedUntil)
	}
	j.GoneAt, j.OverAssigned = goneAt(r.SKURow), r.over()
	if r.trend != nil {
		j.Trend = &trendJSON{Runs: r.trend.Runs, PerWeek: *perWeek(r.trend), RunsOut: r.runsOutDay(n.h.At.ObservedUntil)}
	}
	return j
}

// available is what can still be assigned: seats that are paid for or in
// grace, less those in use.
func available(r *store.SKURow) int64 {
	if r.To != nil {
		return 0
	}
	return max(0, r.Units.Enabled+r.Units.Warning-r.Consumed)
}

type moneyJSON struct {
	Amount   jsontext.Value `json:"amount"` // a number with its decimals
	Currency string         `json:"currency"`
}

func newMoney(m *reclaim.Money) *moneyJSON {
	if m == nil {
		return nil
	}
	return &moneyJSON{jsontext.Value(m.Decimal()), m.Currency}
}

type lastActivityJSON struct {
	At     *string `json:"at"`
	Source string  `json:"source"`
}

type exclusionJSON struct {
	Reason string  `json:"reason"`
	Until  *string `json:"until"`
}

type reclaimJSON struct {
	User           userJSON          `json:"user"`
	SKU            skuJSON           `json:"sku"`
	Paths          []pathJSON        `json:"paths"`
	Bucket         string            `json:"bucket"`
	Rule           *string           `json:"rule"`
	UnknownWhy     *string           `json:"unknown_why"`
	Mark           *string           `json:"mark"`
	HeldDays       int               `json:"held_days"`
	IdleDays       *int              `json:"idle_days"`
	IdleSince      *string           `json:"idle_since"`
	LastActivity   *lastActivityJSON `json:"last_activity"`
	AssignedSince  dateJSON          `json:"assigned_since"`
	Action         string            `json:"action"`
	Steps          []string          `json:"steps"`
	Follows        []string          `json:"follows"`
	ContainedIn    *skuJSON          `json:"contained_in"`
	FreesSeat      bool              `json:"frees_seat"`
	MonthlyCost    *moneyJSON        `json:"monthly_cost"`
	CostSinceIdle  []*moneyJSON      `json:"cost_since_idle"`
	CostLowerBound bool              `json:"cost_lower_bound"`
	Exclusion      *exclusionJSON    `json:"exclusion"`
	Reason         string            `json:"reason"`
}

func (n names) reclaimRow(r *reclaim.Row) reclaimJSON {
	j := reclaimJSON{
		User: newUser(r.User), SKU: n.sku(r.SKU), Paths: make([]pathJSON, len(r.Paths)),
		Bucket: string(r.Bucket), Rule: orNull(r.Rule), UnknownWhy: orNull(r.Gap), Mark: orNull(r.Mark),
		HeldDays: r.HeldDays, IdleDays: r.IdleDays, IdleSince: stamp(r.IdleSince), AssignedSince: newDate(r.Since),
		Action: string(r.Action), Steps: append([]string{}, r.Steps...), Follows: append([]string{}, r.Follows...),
		FreesSeat: r.Frees, MonthlyCost: newMoney(r.Monthly), CostSinceIdle: []*moneyJSON{}, CostLowerBound: r.SinceIdle.Lower,
		Reason: r.Reason,
	}
	for i, p := range r.Paths {
		j.Paths[i] = n.path((*store.PathSince)(&p))
	}
	for i := range r.SinceIdle.Amounts {
		j.CostSinceIdle = append(j.CostSinceIdle, newMoney(&r.SinceIdle.Amounts[i]))
	}
	if r.Last != nil {
		j.LastActivity = &lastActivityJSON{stamp(r.Last.At), string(r.Last.Kind)}
	}
	if r.By != "" {
		by := n.sku(r.By)
		j.ContainedIn = &by
	}
	if x := r.Exclusion; x != nil {
		j.Exclusion = &exclusionJSON{Reason: x.Reason}
		if x.Until != nil {
			day := x.Until.Time().Format(time.DateOnly)
			j.Exclusion.Until = &day
		}
	}
	return j
}

type reclaimTotalJSON struct {
	By          string     `json:"by"`
	Label       *string    `json:"label"`
	Currency    *string    `json:"currency"`
	Seats       int        `json:"seats"`
	Monthly     *moneyJSON `json:"monthly"`
	Reclaimable *int       `json:"reclaimable"` // null: none of the seats could be judged by use
	Unjudged    int        `json:"not_judged"`
	Saving      *moneyJSON `json:"saving"`
	SinceIdle   *moneyJSON `json:"since_idle"`
	LowerBound  bool       `json:"lower_bound"`
}

func newReclaimTotal(by string, t *reclaim.Total) reclaimTotalJSON {
	j := reclaimTotalJSON{By: by, Label: orNull(t.Label), Currency: orNull(t.Currency), Seats: t.Seats, Unjudged: t.Unjudged, LowerBound: t.Lower}
	if t.Known() {
		j.Reclaimable = &t.Reclaimable
	}
	if t.Currency != "" {
		j.Monthly = newMoney(&reclaim.Money{Micros: t.Monthly, Currency: t.Currency})
	}
	if t.Currency != "" && t.Known() {
		j.Saving = newMoney(&reclaim.Money{Micros: t.Saving, Currency: t.Currency})
		j.SinceIdle = newMoney(&reclaim.Money{Micros: t.SinceIdle, Currency: t.Currency})
	}
	return j
}
