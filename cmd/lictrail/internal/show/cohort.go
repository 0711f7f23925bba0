package show

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/cohort"
)

// SeatFlowJSON is what became of the seats of a SKU between two days.
type SeatFlowJSON struct {
	SKU         SKUJSON        `json:"sku"`
	From        string         `json:"from"`
	To          string         `json:"to"`
	Start       int            `json:"start"`
	Retained    int            `json:"retained"`
	Assigned    int            `json:"assigned"`
	Reassigned  int            `json:"reassigned"`
	Reactivated int            `json:"reactivated"`
	TakenBack   int            `json:"taken_back"`
	Lapsed      int            `json:"lapsed"`
	UserLeft    int            `json:"user_left"`
	NotKnown    int            `json:"cause_not_known"`
	End         int            `json:"end"`
	Agents      int            `json:"agents"`
	Inexact     int            `json:"inexact"`
	AtRisk      []atRiskJSON   `json:"at_risk"` // null: only known of the newest run
	Moves       []seatMoveJSON `json:"moves"`
	Days        []flowDayJSON  `json:"days"`
}

type atRiskJSON struct {
	User UserJSON `json:"user"`
	Why  string   `json:"why"`
}

type seatMoveJSON struct {
	Kind  string    `json:"kind"`
	User  UserJSON  `json:"user"`
	When  DateJSON  `json:"when"`
	Other *UserJSON `json:"other"` // from whom, or to whom
}

type flowDayJSON struct {
	Day         string `json:"day"`
	Assigned    int    `json:"assigned"`
	Reassigned  int    `json:"reassigned"`
	Reactivated int    `json:"reactivated"`
	TakenBack   int    `json:"taken_back"`
	Lapsed      int    `json:"lapsed"`
	UserLeft    int    `json:"user_left"`
	NotKnown    int    `json:"cause_not_known"`
	Population  int    `json:"population"`
}

// SeatFlows prints flows as JSON; of their days and moves there are other listings.
func SeatFlows() Listing[SeatFlowJSON] {
	return Listing[SeatFlowJSON]{JSON: func(j SeatFlowJSON) any { return j }}
}

// SeatFlow shows what became of the seats of a SKU. known: the end is the newest run's
// day, so that the seats at risk are known.
func SeatFlow(b *ask.Book, f *ask.SeatFlow, known bool) SeatFlowJSON {
	c := f.Counts
	j := SeatFlowJSON{SKU: SKU(b, f.SKU), From: dayText(f.Days.From), To: dayText(f.Days.To), Start: f.Start, Retained: f.Retained,
		Assigned: c[cohort.Assigned], Reassigned: c[cohort.Reassigned], Reactivated: c[cohort.Reactivated], TakenBack: c[cohort.TakenBack],
		Lapsed: c[cohort.Lapsed], UserLeft: c[cohort.UserLeft], NotKnown: c[cohort.NotKnown], End: f.End, Agents: f.Agents, Inexact: f.Inexact,
		Moves: []seatMoveJSON{}, Days: []flowDayJSON{}}
	if known {
		j.AtRisk = []atRiskJSON{}
		for _, r := range f.AtRisk {
			j.AtRisk = append(j.AtRisk, atRiskJSON{User(r.User), r.Why})
		}
	}
	for _, m := range f.Moves {
		move := seatMoveJSON{Kind: string(m.Kind), User: User(f.Users[m.User]), When: Date(m.When)}
		if m.Other != "" {
			other := User(f.Users[m.Other])
			move.Other = &other
		}
		j.Moves = append(j.Moves, move)
	}
	for _, d := range f.ByDay {
		m := d.Moves
		j.Days = append(j.Days, flowDayJSON{dayText(d.Day), m[cohort.Assigned], m[cohort.Reassigned], m[cohort.Reactivated], m[cohort.TakenBack],
			m[cohort.Lapsed], m[cohort.UserLeft], m[cohort.NotKnown], d.Population})
	}
	return j
}

func dayText(d snapshot.Day) string { return d.Time().Format(time.DateOnly) }

// FlowDays shows the days of a flow: in text those on which something happened.
func FlowDays() Listing[*cohort.DayFlow] {
	type row = *cohort.DayFlow
	l := Listing[row]{None: "no seat came or went", Columns: []Column[row]{
		{Column: out.Column{Head: "DAY"}, CSV: "day", Text: func(d row) any { return dayText(d.Day) }}}}
	for _, kind := range append(append([]cohort.Kind{}, cohort.Gains...), cohort.Losses...) {
		head, name := strings.ToUpper(strings.ReplaceAll(string(kind), "-", " ")), strings.ReplaceAll(string(kind), "-", "_")
		if kind == cohort.NotKnown {
			head, name = "GONE, CAUSE NOT KNOWN", "cause_not_known"
		}
		l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: head}, CSV: name, Text: func(d row) any {
			if d.Moves[kind] == 0 {
				return nil
			}
			return d.Moves[kind]
		}, Cell: func(d row) any { return d.Moves[kind] }})
	}
	l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: "HELD"}, CSV: "population", Text: func(d row) any { return d.Population }})
	return l
}

// FlowMoves shows each seat that came or went.
func FlowMoves(f *ask.SeatFlow) Listing[*cohort.Move] {
	type row = *cohort.Move
	label := func(id snapshot.UserID) any {
		if u := f.Users[id]; u != nil {
			return cmp.Or(UserLabel(u), string(u.ID))
		}
		return nil
	}
	return Listing[row]{None: "no seat came or went", Columns: []Column[row]{
		{Column: out.Column{Head: Zoned("WHEN")}, Text: func(m row) any { return ShortDate(m.When) }},
		{CSV: "when", Cell: func(m row) any { return Stamp(m.When.At) }},
		{CSV: "not_before", Cell: func(m row) any { return Stamp(m.When.NotBefore) }},
		{CSV: "precision", Cell: func(m row) any { return string(m.When.Precision) }},
		{Column: out.Column{Head: "WHAT"}, CSV: "kind", Text: func(m row) any { return string(m.Kind) }},
		{CSV: "user_id", Cell: func(m row) any { return string(m.User) }},
		{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(m row) any { return label(m.User) }, Cell: func(m row) any { return f.Users[m.User].UPN }},
		{CSV: "other_id", Cell: func(m row) any { return string(m.Other) }},
		{Column: out.Column{Head: "FROM OR TO"}, CSV: "other_upn", Text: func(m row) any { return label(m.Other) }},
	}}
}

// FlowSentences says what became of the seats, in sums that anybody can check.
func FlowSentences(b *ask.Book, f *ask.SeatFlow, known bool) []string {
	c := f.Counts
	text := fmt.Sprintf("%s: %s held it before %s", b.SKULabel(f.SKU), Plural(f.Start, "user"), dayText(f.Days.From))
	for _, kind := range append(append([]cohort.Kind{}, cohort.Gains...), cohort.Losses...) { // of what did not happen it may not be known
		label := map[cohort.Kind]string{cohort.TakenBack: "taken back", cohort.UserLeft: "left", cohort.NotKnown: "gone without a known cause"}[kind]
		sign := "-"
		if slices.Contains(cohort.Gains, kind) {
			sign = "+"
		}
		if c[kind] > 0 {
			text += fmt.Sprintf(", %s%d %s", sign, c[kind], cmp.Or(label, string(kind)))
		}
	}
	lines := []string{
		text + fmt.Sprintf(": %s at the end of %s.", Plural(f.End, "user"), dayText(f.Days.To)),
		fmt.Sprintf("%d of those at the start kept it without a break.", f.Retained),
	}
	if f.Agents > 0 {
		lines = append(lines, fmt.Sprintf("%s at the end are agent users.", Plural(f.Agents, "holder")))
	}
	if f.Inexact > 0 {
		lines = append(lines, fmt.Sprintf("The day of %s is not known exactly: each counts on the last day on which it can have been.", Plural(f.Inexact, "change")))
	}
	if known && len(f.AtRisk) > 0 {
		why := map[string]int{}
		for _, r := range f.AtRisk {
			why[r.Why]++
		}
		var labels []string
		for _, w := range []string{"disabled", "error", "never-used", "idle", "never-activated", "contained"} {
			if why[w] > 0 {
				labels = append(labels, fmt.Sprintf("%d %s", why[w], w))
			}
		}
		line := fmt.Sprintf("At risk: %s", Plural(len(f.AtRisk), "seat"))
		if len(labels) > 0 {
			line += " (" + strings.Join(labels, ", ") + ")"
		}
		lines = append(lines, line+".")
	}
	return lines
}

// FirstUseJSON is how long it took until seats were first used.
type FirstUseJSON struct {
	SKU       SKUJSON      `json:"sku"`
	By        *string      `json:"by"`
	Label     *string      `json:"label"`
	From      string       `json:"from"`
	To        string       `json:"to"`
	GraceDays int          `json:"grace_days"`
	Seats     int          `json:"seats"`
	Used      int          `json:"used"`
	NotYet    int          `json:"not_yet"`
	New       int          `json:"new"`
	NotKnown  int          `json:"not_known"`
	Agents    int          `json:"agents"` // not among the seats
	Share     *float64     `json:"not_known_share"`
	Median    *daysJSON    `json:"median_days"` // of the used ones
	Within    []withinJSON `json:"within"`
	Users     []firstJSON  `json:"users"`
}

type daysJSON struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

type withinJSON struct {
	Days int `json:"days"`
	Min  int `json:"min"`
	Max  int `json:"max"`
}

type firstJSON struct {
	User     UserJSON  `json:"user"`
	Assigned DateJSON  `json:"assigned"`
	State    string    `json:"state"`
	Days     *daysJSON `json:"days"`        // from the assignment to the first use
	Unused   *int      `json:"unused_days"` // for which it certainly was not used
}

// SeatUse is a line of the answer on first use.
type SeatUse struct {
	*ask.UseGroup
	of *ask.FirstUses
}

// FirstUse shows how long it took until seats were first used.
func FirstUse(b *ask.Book, u *SeatUse) FirstUseJSON {
	s := &u.Summary
	j := FirstUseJSON{SKU: SKU(b, u.of.SKU), From: dayText(u.of.Days.From), To: dayText(u.of.Days.To), GraceDays: u.of.Grace, Seats: s.Seats,
		Used: s.States[cohort.Used], NotYet: s.States[cohort.NotYet], New: s.States[cohort.New], NotKnown: s.States[cohort.Unknown],
		Agents: u.Agents, Within: []withinJSON{}, Users: []firstJSON{}}
	if u.of.By != "" {
		j.By, j.Label = &u.of.By, &u.Label
	}
	if s.Seats > 0 {
		share := float64(j.NotKnown*1000/s.Seats) / 1000
		j.Share = &share
	}
	if s.MedianMin >= 0 {
		j.Median = &daysJSON{s.MedianMin, s.MedianMax}
	}
	for _, w := range s.Within {
		j.Within = append(j.Within, withinJSON(w))
	}
	for _, f := range u.List {
		row := firstJSON{User: User(u.of.Users[f.Spell.User]), Assigned: Date(f.Spell.From), State: string(f.State)}
		switch f.State {
		case cohort.Used:
			row.Days = &daysJSON{f.Min, f.Max}
		case cohort.NotYet, cohort.New:
			row.Unused = &f.Min
		}
		j.Users = append(j.Users, row)
	}
	return j
}

// FirstUses lists how long it took, a line for each group of users.
func FirstUses(b *ask.Book, by string) Listing[*SeatUse] {
	type row = *SeatUse
	l := Listing[row]{JSON: func(u row) any { return FirstUse(b, u) }, None: "no seat was assigned in these days"}
	if by != "" {
		l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: strings.ToUpper(by), Min: 10, Rank: 2}, CSV: strings.ReplaceAll(by, "-", "_"),
			Text: func(u row) any { return OrNil(u.Label) }})
	}
	state := func(s cohort.State) func(row) any { return func(u row) any { return u.States[s] } }
	median := func(pick func(row) int) func(row) any {
		return func(u row) any {
			if u.MedianMin < 0 {
				return nil
			}
			return pick(u)
		}
	}
	l.Columns = append(l.Columns,
		Column[row]{Column: out.Column{Head: "SEATS"}, CSV: "seats", Text: func(u row) any { return u.Seats }},
		Column[row]{Column: out.Column{Head: "USED"}, CSV: "used", Text: state(cohort.Used)},
		Column[row]{Column: out.Column{Head: "NOT YET"}, CSV: "not_yet", Text: state(cohort.NotYet)},
		Column[row]{Column: out.Column{Head: "NEW"}, CSV: "new", Text: state(cohort.New)},
		Column[row]{Column: out.Column{Head: "NOT KNOWN"}, CSV: "not_known", Text: state(cohort.Unknown)},
		Column[row]{Column: out.Column{Head: "MEDIAN DAYS", Right: true}, Text: func(u row) any {
			if u.MedianMin < 0 {
				return nil
			}
			return boundsText(u.MedianMin, u.MedianMax)
		}},
		Column[row]{CSV: "median_days_min", Cell: median(func(u row) int { return u.MedianMin })},
		Column[row]{CSV: "median_days_max", Cell: median(func(u row) int { return u.MedianMax })},
	)
	for i, days := range cohort.Horizons {
		column := Column[row]{Column: out.Column{Head: fmt.Sprintf("IN %d D", days), Right: true}, Text: func(u row) any { return boundsText(u.Within[i].Min, u.Within[i].Max) }}
		if days == 1 || days == 60 {
			column.Text = nil
		}
		l.Columns = append(l.Columns, column,
			Column[row]{CSV: fmt.Sprintf("within_%d_min", days), Cell: func(u row) any { return u.Within[i].Min }},
			Column[row]{CSV: fmt.Sprintf("within_%d_max", days), Cell: func(u row) any { return u.Within[i].Max }})
	}
	l.Columns = append(l.Columns, Column[row]{CSV: "agents", Cell: func(u row) any { return u.Agents }})
	return l
}

// boundsText words a number between two bounds: "3" or "3-9".
func boundsText(low, high int) string {
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d-%d", low, high)
}

// SeatUses are the lines, one for each group of users.
func SeatUses(uses *ask.FirstUses) []*SeatUse {
	rows := make([]*SeatUse, len(uses.Groups))
	for i, g := range uses.Groups {
		rows[i] = &SeatUse{g, uses}
	}
	return rows
}

// PrintFirstUse prints how long it took until seats were used, a line for each group
// of users.
func PrintFirstUse(p Printer, uses *ask.FirstUses) error {
	unknown, all := 0, 0
	for _, g := range uses.Groups {
		unknown, all = unknown+g.States[cohort.Unknown], all+g.Seats
	}
	if err := FirstUses(p.Book, uses.By).Print(p, Given(SeatUses(uses))); err != nil || p.Format != "text" || all == 0 {
		return err
	}
	return p.Paragraphs(fmt.Sprintf("%s, assigned from %s to %s or there when tracking began; of %d (%d %%) it is not known when they were first used.",
		Plural(all, "seat"), dayText(uses.Days.From), dayText(uses.Days.To), unknown, unknown*100/all))
}

// PrintSeatFlow prints what became of seats: in text and CSV by day, or with moves each
// seat that came or went.
func PrintSeatFlow(p Printer, f *ask.SeatFlow, moves bool) error {
	known := f.Days.To == snapshot.DayOf(p.Book.History.At.ObservedUntil)
	if p.Format == "json" {
		return SeatFlows().Print(p, Given([]SeatFlowJSON{SeatFlow(p.Book, f, known)}))
	}
	var err error
	if moves {
		err = FlowMoves(f).Print(p, Each(f.Moves))
	} else {
		days := f.ByDay
		if p.Format == "text" { // those on which nothing happened say nothing
			days = slices.DeleteFunc(slices.Clone(days), func(d cohort.DayFlow) bool { return len(d.Moves) == 0 })
		}
		err = FlowDays().Print(p, Each(days))
	}
	if err != nil || p.Format != "text" {
		return err
	}
	return p.Paragraphs(FlowSentences(p.Book, f, known)...)
}
