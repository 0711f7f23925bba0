// Package show turns the answers of package ask into text, CSV, JSON, xlsx and HTML:
// the types of the JSON contract, the words, the columns of each listing. It knows
// neither flags nor commands.
package show

import (
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// The types of this file are the JSON that scripts rely on. Fields may be added;
// none is renamed, retyped or dropped without raising the schema. What is absent is
// null, never a missing key.

// Stamp is a time as RFC 3339 in UTC, or null.
func Stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

// OrNull is a text, or null where there is none.
func OrNull[T ~string](s T) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}

type DateJSON struct {
	At        *string `json:"at"`
	NotBefore *string `json:"not_before"`
	NotAfter  *string `json:"not_after"`
	Precision string  `json:"precision"`
	Source    string  `json:"source"`
	Evidence  *string `json:"evidence"`
}

func Date(d snapshot.Date) DateJSON {
	return DateJSON{Stamp(d.At), Stamp(d.NotBefore), Stamp(d.NotAfter), string(d.Precision), string(d.Basis), OrNull(d.Evidence)}
}

type UserJSON struct {
	ID         string  `json:"id"`
	UPN        *string `json:"upn"`
	Name       *string `json:"name"`
	Department *string `json:"department"`
	Deleted    bool    `json:"deleted"`
	Kind       *string `json:"kind"` // member, guest or agent
}

func User(u *snapshot.User) UserJSON {
	return UserJSON{string(u.ID), OrNull(u.UPN), OrNull(u.Name), OrNull(u.Department), u.Presence != snapshot.Present, OrNull(u.Kind())}
}

type SKUJSON struct {
	ID         string  `json:"id"`
	PartNumber *string `json:"part_number"`
	Name       *string `json:"name"`
}

func SKU(b *ask.Book, id snapshot.SKUID) SKUJSON {
	part := b.PartNumber(id)
	return SKUJSON{string(id), OrNull(part), OrNull(b.Catalog.SKUName(id, part))}
}

type GroupJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func Group(b *ask.Book, id snapshot.GroupID) *GroupJSON {
	if id == "" {
		return nil
	}
	return &GroupJSON{string(id), OrNull(b.History.GroupName(id))}
}

type PlanJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func Plans(b *ask.Book, ids []snapshot.PlanID) []PlanJSON {
	out := make([]PlanJSON, len(ids))
	for i, id := range ids {
		out[i] = PlanJSON{string(id), OrNull(b.PlanName(id))}
	}
	return out
}

type pathJSON struct {
	Kind          string     `json:"kind"`
	Group         *GroupJSON `json:"group"`
	State         string     `json:"state"`
	Error         *string    `json:"error"`
	DisabledPlans []PlanJSON `json:"disabled_plans"`
	Since         DateJSON   `json:"since"`
}

func Path(b *ask.Book, p *store.PathSince) pathJSON {
	return pathJSON{string(p.Kind), Group(b, p.Group), p.State, OrNull(p.Error), Plans(b, p.Disabled), Date(p.Since)}
}

type PathRefJSON struct {
	Kind  string     `json:"kind"`
	Group *GroupJSON `json:"group"`
}

func PathRef(b *ask.Book, p *snapshot.PathRef) *PathRefJSON {
	if p == nil {
		return nil
	}
	return &PathRefJSON{string(p.Kind), Group(b, p.Group)}
}

type AssignmentJSON struct {
	User          UserJSON   `json:"user"`
	SKU           SKUJSON    `json:"sku"`
	Paths         []pathJSON `json:"paths"`
	FirstAssigned DateJSON   `json:"first_assigned"`
	AssignedSince DateJSON   `json:"assigned_since"`
	Periods       int        `json:"periods"`
	GraphDate     *string    `json:"graph_date"`

	Activity *ActivityJSON `json:"activity"` // with --activity
	Overlaps []OverlapJSON `json:"overlaps"` // with --overlapping
}

// OverlapJSON is another SKU of the user that has service plans of this one.
type OverlapJSON struct {
	With  SKUJSON  `json:"with"`
	Plans []string `json:"plans"` // that both have
	All   bool     `json:"all"`   // the other has every plan of this one
}

// Overlaps shows what a seat overlaps with.
func Overlaps(b *ask.Book, list []reclaim.Overlap) []OverlapJSON {
	all := []OverlapJSON{}
	for _, o := range list {
		all = append(all, OverlapJSON{SKU(b, o.With), o.Plans, o.All})
	}
	return all
}

func Assignment(b *ask.Book, a *store.Assignment) AssignmentJSON {
	paths := make([]pathJSON, len(a.Paths))
	for i := range a.Paths {
		paths[i] = Path(b, &a.Paths[i])
	}
	return AssignmentJSON{User(&a.User), SKU(b, a.SKU), paths, Date(a.First), Date(a.Since), a.Periods, Stamp(a.GraphDate), nil, nil}
}

type plansJSON struct {
	Disabled []PlanJSON `json:"disabled"`
	Enabled  []PlanJSON `json:"enabled"`
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

type ActorJSON struct {
	Kind      string  `json:"kind"`
	ID        *string `json:"id"`
	UPN       *string `json:"upn"`
	Name      *string `json:"name"`
	ClientApp *string `json:"client_app"`
}

func Actor(a *snapshot.Actor) *ActorJSON {
	if a == nil {
		return nil
	}
	return &ActorJSON{string(a.Kind), OrNull(a.ID), OrNull(a.UPN), OrNull(a.Name), OrNull(a.ClientApp)}
}

type viaJSON struct {
	Trigger string     `json:"trigger"`
	Group   *GroupJSON `json:"group"`
	Actor   *ActorJSON `json:"actor"`
	At      *string    `json:"at"`
}

type evidenceJSON struct {
	Source   string  `json:"source"`
	ID       string  `json:"id"`
	Activity string  `json:"activity"`
	At       *string `json:"at"`
}

type ChangeJSON struct {
	ID         int64          `json:"id"`
	Run        int64          `json:"run"`
	Kind       string         `json:"kind"`
	Observed   bool           `json:"observed"`
	User       *UserJSON      `json:"user"`
	SKU        *SKUJSON       `json:"sku"`
	Path       *PathRefJSON   `json:"path"`
	FromPath   *PathRefJSON   `json:"from_path"`
	Plans      *plansJSON     `json:"plans"`
	State      *stateJSON     `json:"state"`
	Units      *unitsJSON     `json:"units"`
	Affected   *int           `json:"affected_users"`
	GraphDate  *string        `json:"graph_date"` // date-moved: Microsoft's date now
	When       DateJSON       `json:"when"`
	Cause      string         `json:"cause"`
	Initiator  string         `json:"initiator"`
	Actor      *ActorJSON     `json:"actor"`
	Resp       *ActorJSON     `json:"responsible"`
	Via        *viaJSON       `json:"via"`
	Confidence string         `json:"confidence"`
	UnknownWhy *string        `json:"unknown_why"`
	Reason     string         `json:"reason"`
	Evidence   []evidenceJSON `json:"evidence"`
}

func Change(b *ask.Book, c *store.ChangeRow) ChangeJSON {
	a := &c.Attribution
	j := ChangeJSON{
		ID: c.ID, Run: int64(c.Run), Kind: string(c.Kind), Observed: c.Observed,
		Path: PathRef(b, c.Path), FromPath: PathRef(b, c.From), GraphDate: Stamp(c.Dated), When: Date(c.When),
		Cause: string(a.Cause), Initiator: string(a.Initiator), Actor: Actor(a.Actor), Resp: Actor(a.Responsible()), Via: via(b, a.Via),
		Confidence: string(a.Confidence), UnknownWhy: OrNull(a.UnknownWhy), Reason: a.Reason,
		Evidence: evidence(a.Evidence),
	}
	changeDetails(b, c, &j)
	return j
}

func changeDetails(b *ask.Book, c *store.ChangeRow, j *ChangeJSON) {
	if c.Person != nil {
		u := User(&c.Person.User)
		j.User = &u
	}
	if c.SKU != "" {
		s := SKU(b, c.SKU)
		j.SKU = &s
	}
	if c.Plans != nil {
		j.Plans = &plansJSON{Plans(b, c.Plans.Disabled), Plans(b, c.Plans.Enabled)}
	}
	if c.State != nil {
		j.State = &stateJSON{OrNull(c.State.From), OrNull(c.State.To), OrNull(c.State.ErrorFrom), OrNull(c.State.ErrorTo)}
	}
	if c.Units != nil {
		j.Units = &unitsJSON{c.Units.From, c.Units.To}
	}
	if c.Affected > 0 {
		j.Affected = &c.Affected
	}
}

func via(b *ask.Book, v *snapshot.Via) *viaJSON {
	if v == nil {
		return nil
	}
	return &viaJSON{string(v.Trigger), Group(b, v.Group), Actor(v.Actor), Stamp(v.At)}
}

func evidence(refs []snapshot.EventRef) []evidenceJSON {
	out := make([]evidenceJSON, len(refs))
	for i, e := range refs {
		out[i] = evidenceJSON{string(e.Source), e.ID, e.Activity, Stamp(e.At)}
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

type RunJSON struct {
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

func Run(r *store.Run) RunJSON {
	warnings := make([]warningJSON, len(r.Warnings))
	for i, w := range r.Warnings {
		warnings[i] = warningJSON(w)
	}
	j := RunJSON{
		ID: int64(r.ID), Status: r.Status, ObservedAt: Stamp(r.ObservedAt), ObservedUntil: Stamp(r.ObservedUntil),
		Warnings: warnings, Head: OrNull(r.Head), StartedAt: Stamp(r.StartedAt), EndedAt: Stamp(r.EndedAt), Error: OrNull(r.Error),
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
		j.Audit = &runAuditJSON{Stamp(a.From), Stamp(a.To), a.Complete, a.Events}
	}
	return j
}

type SubscriptionJSON struct {
	ID              string  `json:"id"`
	Status          string  `json:"status"`
	Total           int64   `json:"total"`
	Trial           bool    `json:"trial"`
	NextLifecycleAt *string `json:"next_lifecycle_at"`
}

func Subscription(s snapshot.Subscription) SubscriptionJSON {
	return SubscriptionJSON{s.ID, s.Status, s.Total, s.Trial, Stamp(s.NextLifecycleAt)}
}

type TrendJSON struct {
	Runs    int     `json:"runs"`
	PerWeek float64 `json:"per_week"`
	RunsOut *string `json:"runs_out"`
}

// PerWeek is the trend to two decimals, or null.
func PerWeek(t *snapshot.Trend) *float64 {
	if t == nil {
		return nil
	}
	rate := math.Round(t.PerWeek*100) / 100
	if rate == 0 {
		rate = 0 // not minus 0
	}
	return &rate
}

type moneyJSON struct {
	Amount   jsontext.Value `json:"amount"` // a number with its decimals
	Currency string         `json:"currency"`
}

func Money(m *reclaim.Money) *moneyJSON {
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

type ReclaimJSON struct {
	User           UserJSON          `json:"user"`
	SKU            SKUJSON           `json:"sku"`
	Paths          []pathJSON        `json:"paths"`
	Bucket         string            `json:"bucket"`
	Rule           *string           `json:"rule"`
	Also           []string          `json:"also"` // other rules that apply
	UnknownWhy     *string           `json:"unknown_why"`
	Mark           *string           `json:"mark"`
	HeldDays       int               `json:"held_days"`
	IdleDays       *int              `json:"idle_days"`
	IdleSince      *string           `json:"idle_since"`
	LastActivity   *lastActivityJSON `json:"last_activity"`
	Copilot        *copilotJSON      `json:"copilot"`
	AssignedSince  DateJSON          `json:"assigned_since"`
	Action         string            `json:"action"`
	Steps          []string          `json:"steps"`
	Follows        []string          `json:"follows"`
	ContainedIn    *SKUJSON          `json:"contained_in"`
	FreesSeat      bool              `json:"frees_seat"`
	MonthlyCost    *moneyJSON        `json:"monthly_cost"`
	CostSinceIdle  []*moneyJSON      `json:"cost_since_idle"`
	CostLowerBound bool              `json:"cost_lower_bound"`
	Exclusion      *exclusionJSON    `json:"exclusion"`
	Reason         string            `json:"reason"`
}

func ReclaimRow(b *ask.Book, r *reclaim.Row) ReclaimJSON {
	j := ReclaimJSON{
		User: User(r.User), SKU: SKU(b, r.SKU), Paths: make([]pathJSON, len(r.Paths)),
		Bucket: string(r.Bucket), Rule: OrNull(r.Rule), Also: []string{}, UnknownWhy: OrNull(r.Gap), Mark: OrNull(r.Mark),
		HeldDays: r.HeldDays, IdleDays: r.IdleDays, IdleSince: Stamp(r.IdleSince), AssignedSince: Date(r.Since),
		Action: string(r.Action), Steps: append([]string{}, r.Steps...), Follows: append([]string{}, r.Follows...),
		FreesSeat: r.Frees, MonthlyCost: Money(r.Monthly), CostSinceIdle: []*moneyJSON{}, CostLowerBound: r.SinceIdle.Lower,
		Reason: r.Reason,
	}
	j.Copilot = newCopilot(r.Counts)
	for i, p := range r.Paths {
		j.Paths[i] = Path(b, (*store.PathSince)(&p))
	}
	for i := range r.SinceIdle.Amounts {
		j.CostSinceIdle = append(j.CostSinceIdle, Money(&r.SinceIdle.Amounts[i]))
	}
	if r.Last != nil {
		j.LastActivity = &lastActivityJSON{Stamp(r.Last.At), string(r.Last.Kind)}
	}
	if r.By != "" {
		by := SKU(b, r.By)
		j.ContainedIn = &by
	}
	if x := r.Exclusion; x != nil {
		j.Exclusion = &exclusionJSON{Reason: x.Reason}
		if x.Until != nil {
			day := x.Until.Time().Format(time.DateOnly)
			j.Exclusion.Until = &day
		}
	}
	for _, rule := range r.Also {
		j.Also = append(j.Also, string(rule))
	}
	return j
}

type ReclaimTotalJSON struct {
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

func ReclaimTotal(by string, t *reclaim.Total) ReclaimTotalJSON {
	j := ReclaimTotalJSON{By: by, Label: OrNull(t.Label), Currency: OrNull(t.Currency), Seats: t.Seats, Unjudged: t.Unjudged, LowerBound: t.Lower}
	if t.Known() {
		j.Reclaimable = &t.Reclaimable
	}
	if t.Currency != "" {
		j.Monthly = Money(&reclaim.Money{Micros: t.Monthly, Currency: t.Currency})
	}
	if t.Currency != "" && t.Known() {
		j.Saving = Money(&reclaim.Money{Micros: t.Saving, Currency: t.Currency})
		j.SinceIdle = Money(&reclaim.Money{Micros: t.SinceIdle, Currency: t.Currency})
	}
	return j
}

type tenantJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}
