package ask

import (
	"context"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/cohort"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// seatSpells lists the times for which users held a SKU, and who the users are. Spells
// go by object ids also under pseudonyms: what is known of use does.
func seatSpells(ctx context.Context, b *Book, sku snapshot.SKUID) ([]cohort.Spell, map[snapshot.UserID]*snapshot.User, error) {
	named := b.Named().History
	type end struct {
		user snapshot.UserID
		at   time.Time
		gain bool
	}
	moves := map[end]*store.ChangeRow{}
	filter := store.ChangeFilter{SKUs: []snapshot.SKUID{sku}, Kinds: []snapshot.Kind{snapshot.Assigned, snapshot.Removed}}
	for c, err := range named.Changes(ctx, filter) {
		if err != nil {
			return nil, nil, err
		}
		moves[end{c.User, c.When.At, c.Kind == snapshot.Assigned}] = c
	}
	var spells []cohort.Spell
	users := map[snapshot.UserID]*snapshot.User{}
	for holding, err := range named.Holdings(ctx, store.Filter{SKUs: []snapshot.SKUID{sku}}) {
		if err != nil {
			return nil, nil, err
		}
		user, shown := holding.Person.User, holding.Person.User
		b.History.Conceal(&shown)
		users[user.ID] = &shown
		for _, stretch := range holding.Stretches {
			s := cohort.Spell{User: user.ID, From: stretch.From, To: stretch.To, Cause: snapshot.CauseUnknown}
			if c := moves[end{user.ID, s.From.At, true}]; c != nil {
				s.GivenBy = idOf(c.Attribution.Responsible())
			}
			if s.To != nil {
				if c := moves[end{user.ID, s.To.At, false}]; c != nil {
					s.Cause, s.TakenBy = c.Attribution.Cause, idOf(c.Attribution.Responsible())
				}
			}
			spells = append(spells, s)
		}
	}
	return spells, users, nil
}

// idOf is the id of whoever is responsible; "" where that is nobody known.
func idOf(a *snapshot.Actor) string {
	if a == nil {
		return ""
	}
	return a.ID
}

// SeatFlow is the flow of a SKU's seats between two days.
type SeatFlow struct {
	*cohort.Flow
	SKU    snapshot.SKUID
	Users  map[snapshot.UserID]*snapshot.User // whoever is named
	AtRisk []SeatAtRisk                       // of the holders at the end, where that is the newest run
	Agents int                                // of these, agent users
}

// SeatAtRisk is a seat that is held and that its user may lose.
type SeatAtRisk struct {
	User *snapshot.User
	Why  string // disabled, error, or the rule of reclaim that proposes it
}

// SeatFlow follows the seats of a SKU over some days. By the file of rules seats are at
// risk.
func (b *Book) SeatFlow(ctx context.Context, sku snapshot.SKUID, days snapshot.Days, file Rules) (*SeatFlow, error) {
	spells, users, err := seatSpells(ctx, b, sku)
	if err != nil {
		return nil, err
	}
	f := &SeatFlow{Flow: cohort.Follow(spells, days), SKU: sku, Users: users}
	for _, id := range f.Holders {
		if users[id].IsAgent() {
			f.Agents++
		}
	}
	if days.To < snapshot.DayOf(b.History.At.ObservedUntil) {
		return f, nil
	}
	report, err := Reclaim(ctx, b, file, ReclaimFilter{SKUs: []snapshot.SKUID{sku}})
	if err != nil {
		return nil, err
	}
	for r, err := range report.Rows(ctx, reclaim.Candidate) {
		if err != nil {
			return nil, err
		}
		if r.Frees {
			f.AtRisk = append(f.AtRisk, SeatAtRisk{r.User, string(r.Rule)})
		}
	}
	for a, err := range b.History.Assignments(ctx, store.Filter{SKUs: []snapshot.SKUID{sku}}) {
		if err != nil {
			return nil, err
		}
		failing := !slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return p.Error == "" })
		if failing && !slices.ContainsFunc(f.AtRisk, func(s SeatAtRisk) bool { return s.User.ID == a.User.ID }) {
			f.AtRisk = append(f.AtRisk, SeatAtRisk{&a.User, "error"})
		}
	}
	return f, nil
}

// ByDepartment groups first uses by the departments of the users.
const ByDepartment = "department"

// FirstUses is how long it took until the seats of a SKU that were given in some days
// were first used.
type FirstUses struct {
	SKU    snapshot.SKUID
	Days   snapshot.Days
	Grace  int                                // days for which a seat that was not used yet is new
	By     string                             // "" or ByDepartment
	Groups []*UseGroup                        // one without By
	Users  map[snapshot.UserID]*snapshot.User // whoever is named
}

// UseGroup is the first uses of some of the users.
type UseGroup struct {
	Label string
	cohort.Summary
	Agents int // seats of agent users, which are not counted among the others
	List   []cohort.FirstUse
}

// FirstUse finds how long it took until the seats of a SKU that were given in some
// days were first used. grace is the number of days for which a seat that was not
// used yet is new.
func (b *Book) FirstUse(ctx context.Context, sku snapshot.SKUID, days snapshot.Days, grace int, by string) (*FirstUses, error) {
	evidence, err := useEvidence(ctx, b)
	if err != nil {
		return nil, err
	}
	spells, users, err := seatSpells(ctx, b, sku)
	if err != nil {
		return nil, err
	}
	uses, err := b.History.UseSpans(ctx)
	if err != nil {
		return nil, err
	}
	sources := evidence.Sources(sku)
	looks := make([]map[snapshot.UserID][]store.Look, len(sources))
	for i, s := range sources {
		if looks[i], err = b.History.Looks(ctx, s.Source); err != nil {
			return nil, err
		}
	}
	groups := map[string]*UseGroup{}
	for i := range spells {
		s := &spells[i]
		if from := snapshot.DayOf(s.From.At); from < days.From || from > days.To {
			continue
		}
		user := users[s.User]
		label := ""
		if by == ByDepartment {
			label = user.Department
		}
		key := strings.ToLower(label)
		if groups[key] == nil {
			groups[key] = &UseGroup{Label: label}
		}
		g := groups[key]
		if user.IsAgent() {
			g.Agents++
			continue
		}
		shown := make([]cohort.Source, len(sources))
		for k, source := range sources {
			shown[k] = sourceOf(source, uses[s.User], looks[k][s.User])
		}
		g.List = append(g.List, cohort.FirstUseOf(s, shown, grace))
	}
	result := &FirstUses{SKU: sku, Days: days, Grace: grace, By: by, Users: users}
	for _, g := range groups {
		g.Summary = cohort.Summarize(g.List)
		result.Groups = append(result.Groups, g)
	}
	slices.SortFunc(result.Groups, func(x, y *UseGroup) int { return strings.Compare(strings.ToLower(x.Label), strings.ToLower(y.Label)) })
	return result, nil
}

// useEvidence says which sources of activity judge which SKUs.
func useEvidence(ctx context.Context, b *Book) (*reclaim.Evidence, error) {
	skus, err := ReclaimSKUs(ctx, b)
	if err != nil {
		return nil, err
	}
	reads, err := b.History.ActivityReads(ctx)
	return reclaim.NewEvidence(skus, reads), err
}

func sourceOf(s reclaim.Source, uses []store.UseSpan, looks []store.Look) cohort.Source {
	var c cohort.Source
	for _, u := range uses {
		if slices.Contains(s.Kinds, u.Kind) {
			c.Uses = append(c.Uses, cohort.UseSpan{First: snapshot.DayOf(u.First), Last: snapshot.DayOf(u.Last), Run: u.Run})
		}
	}
	for _, l := range looks {
		to := snapshot.DayOf(l.Until) // a usage report has all of its last day
		if s.Source == snapshot.SignIns {
			to--
		}
		c.Looks = append(c.Looks, cohort.Look{Run: l.Run, From: snapshot.DayOf(l.Since), To: to})
	}
	return c
}
