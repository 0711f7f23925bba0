package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// skusWithTrend lists the SKUs at the run asked about, with where their seats are going.
func (n names) skusWithTrend(ctx context.Context) ([]skuWithTrend, error) {
	rows, err := n.History.SKUs(ctx)
	if err != nil {
		return nil, err
	}
	points, err := n.History.SeatPoints(ctx)
	if err != nil {
		return nil, err
	}
	agents, err := n.History.AgentSeats(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]skuWithTrend, len(rows))
	for i := range rows {
		s := &list[i]
		s.agents = agents[rows[i].ID]
		s.SKURow, s.points = &rows[i], points[rows[i].ID]
		if s.To != nil {
			continue // there is no going on with what is gone
		}
		counts := make([]snapshot.SeatCount, len(s.points))
		for k, p := range s.points {
			counts[k] = snapshot.SeatCount{At: p.Run.ObservedUntil, Used: p.Consumed}
		}
		s.trend = snapshot.SeatTrend(counts)
	}
	return list, nil
}

// skuWithTrend is a SKU's seats now and up to now.
type skuWithTrend struct {
	*store.SKURow
	points []store.SeatPoint
	agents int64           // agent users who hold it
	trend  *snapshot.Trend // nil: not known
}

// runsOut is when the seats are gone at the trend; false when the trend does
// not say.
func (s *skuWithTrend) runsOut(at time.Time) (snapshot.Day, bool) {
	if s.trend == nil || s.Units.Enabled+s.Units.Warning == 0 {
		return 0, false
	}
	return s.trend.RunsOut(at, show.Available(s.SKURow))
}

// over is how many more seats are in use than there are.
func (s *skuWithTrend) over() int64 {
	if s.To != nil {
		return 0
	}
	return max(0, s.Consumed-s.Units.Enabled-s.Units.Warning)
}

// trendWord is the trend by the week.
func (s *skuWithTrend) trendWord() any {
	switch {
	case s.To != nil:
		return nil
	case s.trend == nil:
		return "unknown"
	}
	return signed(s.trend.PerWeek) + "/week"
}

// signed writes a rate to one decimal, and none as 0.
func signed(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%+.1f", v)
}

// runsOutDay is the day, or null where there is none.
func (s *skuWithTrend) runsOutDay(at time.Time) *string {
	day, ok := s.runsOut(at)
	if !ok {
		return nil
	}
	text := day.Time().Format(time.DateOnly)
	return &text
}

// runsOutWord is the day, or why there is none.
func (s *skuWithTrend) runsOutWord(at time.Time) any {
	switch day, ok := s.runsOut(at); {
	case ok && show.Available(s.SKURow) == 0:
		return "none free"
	case ok:
		return day.Time().Format(time.DateOnly)
	case s.To != nil:
		return nil
	case s.trend == nil:
		return "unknown"
	}
	return "not in 2 years"
}

// lapse is a subscription whose status changes on a day, unless it is renewed.
type lapse struct {
	snapshot.Subscription
	sku     *store.SKURow
	becomes string          // what Microsoft makes of it then
	left    int64           // seats of the SKU's other subscriptions that go on
	short   int64           // users who hold the SKU and have no seat left then
	users   []snapshot.User // these, where it is all of them
}

// lifecycle is what becomes of a subscription that nobody renews, by Microsoft's
// page on what happens when a subscription ends: expired, where users keep
// access for about 30 days; disabled, where only administrators have it, for
// about 90; deleted.
var lifecycle = map[string]string{
	"Enabled":   "expires; users keep access for about 30 days more",
	"Warning":   "is disabled; users lose access",
	"Suspended": "is deleted, with its data",
	"LockedOut": "is deleted, with its data",
}

// lapses lists the subscriptions whose status changes up to a time, and those
// on their way out already, the soonest first.
func lapses(rows []skuWithTrend, until time.Time) []lapse {
	var list []lapse
	for _, r := range rows {
		for _, s := range r.Bought {
			becomes, known := lifecycle[s.Status]
			soon := !s.NextLifecycleAt.IsZero() && !s.NextLifecycleAt.After(until)
			if r.To != nil || !known || !soon && s.Status == "Enabled" {
				continue
			}
			l := lapse{Subscription: s, sku: r.SKURow, becomes: becomes}
			for _, other := range r.Bought {
				if other.ID != s.ID && staysLonger(other, s) {
					l.left += other.Total
				}
			}
			l.short = max(0, r.Assigned-l.left)
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, func(a, b lapse) int {
		return cmp.Or(a.NextLifecycleAt.Compare(b.NextLifecycleAt), cmp.Compare(a.sku.PartNumber, b.sku.PartNumber), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// staysLonger reports whether a subscription still gives seats when another's
// status changes. One that expires before gives them for some days more; it is
// not counted on, so that nobody is told too late.
func staysLonger(s, than snapshot.Subscription) bool {
	usable := s.Status == "Enabled" || s.Status == "Warning"
	return usable && (s.NextLifecycleAt.IsZero() || s.NextLifecycleAt.After(than.NextLifecycleAt))
}

// hitWords says whom the lapse hits, as far as that can be known.
func (l *lapse) hitWords() string {
	switch {
	case l.sku.Assigned == 0:
		return "nobody holds it"
	case l.short == 0:
		return fmt.Sprintf("nobody: %s, %s go on elsewhere", show.Plural(l.sku.Assigned, "user"), show.Plural(l.left, "seat"))
	case l.left == 0 && l.short == 1:
		return "its only user"
	case l.left == 0:
		return fmt.Sprintf("all %s", show.Plural(l.sku.Assigned, "user"))
	}
	return fmt.Sprintf("%d of %s; which is not known", l.short, show.Plural(l.sku.Assigned, "user"))
}

// runLapses lists what lapses up to a day, or within an age from the run.
func (n names) runLapses(ctx context.Context, e *env, list []skuWithTrend, text string) error {
	at := n.History.At.ObservedUntil
	until, err := parseTime("lapses", text, at, true)
	if err != nil {
		return err
	}
	if ask.IsAge(text) {
		until = at.Add(at.Sub(until)) // an age counts ahead here
	}
	rows := lapses(list, until)
	for i := range rows {
		if err := n.name(ctx, &rows[i]); err != nil {
			return err
		}
	}
	return n.lapseListing().Print(e.printer(n), show.Each(rows))
}

// name lists the users whom the lapse hits, where that can be known.
func (n names) name(ctx context.Context, l *lapse) error {
	if l.left > 0 || l.short == 0 {
		return nil
	}
	for a, err := range n.History.Assignments(ctx, store.Filter{SKUs: []snapshot.SKUID{l.SKU}}) {
		if err != nil {
			return err
		}
		l.users = append(l.users, a.User)
	}
	return nil
}

type lapseJSON struct {
	SKU          show.SKUJSON          `json:"sku"`
	Subscription show.SubscriptionJSON `json:"subscription"`
	Becomes      string                `json:"becomes"`
	Assigned     int64                 `json:"assigned"`
	SeatsLeft    int64                 `json:"seats_left"`
	WithoutSeat  int64                 `json:"without_seat"`
	Users        []show.UserJSON       `json:"users"`
	UsersKnown   bool                  `json:"users_known"`
}

func (n names) lapseListing() show.Listing[*lapse] {
	type row = *lapse
	return show.Listing[row]{
		JSON: func(l row) any {
			j := lapseJSON{SKU: show.SKU(n.Book, l.SKU), Subscription: show.Subscription(l.Subscription), Becomes: l.becomes, Assigned: l.sku.Assigned,
				SeatsLeft: l.left, WithoutSeat: l.short, Users: []show.UserJSON{}, UsersKnown: l.short == 0 || l.left == 0}
			for i := range l.users {
				j.Users = append(j.Users, show.User(&l.users[i]))
			}
			return j
		},
		None: "no subscription lapses by then, as far as Microsoft gives dates",
		Columns: []show.Column[row]{
			{CSV: "sku_id", Cell: func(l row) any { return string(l.SKU) }},
			{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, CSV: "part_number", Text: func(l row) any { return n.ShortSKU(l.SKU) }, Cell: func(l row) any { return n.PlainSKU(l.SKU) }},
			{CSV: "subscription_id", Cell: func(l row) any { return l.ID }},
			{Column: out.Column{Head: "STATUS", Min: 7, Rank: 3}, CSV: "status", Text: func(l row) any { return l.Status }},
			{Column: out.Column{Head: "SEATS"}, CSV: "seats", Text: func(l row) any { return l.Total }},
			{CSV: "trial", Cell: func(l row) any { return l.Trial }},
			{Column: out.Column{Head: "ON"}, CSV: "next_lifecycle_at", Text: func(l row) any { return show.DayOrNil(l.NextLifecycleAt) }, Cell: func(l row) any { return show.Stamp(l.NextLifecycleAt) }},
			{CSV: "assigned", Cell: func(l row) any { return l.sku.Assigned }},
			{CSV: "seats_left", Cell: func(l row) any { return l.left }},
			{Column: out.Column{Head: "HITS", Min: 12, Rank: 2}, CSV: "", Text: func(l row) any { return l.hitWords() }},
			{CSV: "without_seat", Cell: func(l row) any { return l.short }},
			{CSV: "users", Cell: func(l row) any { return upnsOf(l.users) }},
			{Column: out.Column{Head: "THEN IT", Min: 20, Wrap: true}, CSV: "becomes", Text: func(l row) any { return l.becomes }},
		},
	}
}

func upnsOf(users []snapshot.User) string {
	words := make([]string, len(users))
	for i := range users {
		words[i] = cmp.Or(users[i].UPN, string(users[i].ID))
	}
	return strings.Join(words, "; ")
}
