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
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// Harvest is a harvest list with the day by which holders are asked to answer.
type Harvest struct {
	*reclaim.Harvest
	Book     *ask.Book
	AnswerBy time.Time
}

// HarvestJSON is the list of Copilot seats to offer back, and of who waits for one.
type HarvestJSON struct {
	SKU       SKUJSON              `json:"sku"`
	AsOf      string               `json:"as_of"`
	AnswerBy  string               `json:"answer_by"`
	FreeSeats int64                `json:"free_seats"`
	Counts    map[string]int       `json:"counts"`
	Seats     []harvestSeatJSON    `json:"seats"` // all but those in use
	Requests  []harvestRequestJSON `json:"requests"`
}

type harvestSeatJSON struct {
	User          UserJSON          `json:"user"`
	Paths         []pathJSON        `json:"paths"`
	Verdict       string            `json:"verdict"`
	AssignedSince DateJSON          `json:"assigned_since"`
	HeldDays      int               `json:"held_days"`
	IdleDays      *int              `json:"idle_days"`
	LastActivity  *lastActivityJSON `json:"last_activity"`
	Copilot       *copilotJSON      `json:"copilot"`
	UnknownWhy    *string           `json:"unknown_why"`
	ExcludedUntil *string           `json:"excluded_until"`
	Reason        string            `json:"reason"`
	Steps         []string          `json:"steps"`
	GoesTo        *UserJSON         `json:"goes_to"`
	Message       *string           `json:"message"`
}

type harvestRequestJSON struct {
	Line    int       `json:"line"`
	Named   string    `json:"named"`
	User    *UserJSON `json:"user"`
	Outcome string    `json:"outcome"` // free-seat, seat-of, waits or not-counted
	From    *UserJSON `json:"from"`
	Problem *string   `json:"problem"`
	Message *string   `json:"message"`
}

// JSON is the whole list.
func (h *Harvest) JSON() any {
	j := HarvestJSON{SKU: SKU(h.Book, h.SKU), AsOf: *Stamp(h.AsOf), AnswerBy: h.AnswerBy.Format(time.DateOnly), FreeSeats: h.Free,
		Counts: map[string]int{}, Seats: []harvestSeatJSON{}, Requests: []harvestRequestJSON{}}
	for _, v := range reclaim.Verdicts {
		j.Counts[string(v)] = h.Count(v)
	}
	for _, s := range h.Seats {
		if s.Verdict == reclaim.InUse {
			continue
		}
		row := harvestSeatJSON{User: User(s.User), Paths: []pathJSON{}, Verdict: string(s.Verdict), AssignedSince: Date(s.Since), HeldDays: s.HeldDays,
			IdleDays: s.IdleDays, Copilot: newCopilot(s.Counts), UnknownWhy: OrNull(s.Gap), Reason: s.Reason, Steps: []string{}}
		for i := range s.Paths {
			row.Paths = append(row.Paths, Path(h.Book, (*store.PathSince)(&s.Paths[i])))
		}
		if s.Last != nil {
			row.LastActivity = &lastActivityJSON{Stamp(s.Last.At), string(s.Last.Kind)}
		}
		if s.Until != nil {
			day := s.Until.Format(time.DateOnly)
			row.ExcludedUntil = &day
		}
		if s.Verdict == reclaim.Offer {
			row.Steps, row.Message = h.steps(s), OrNull(h.MessageToHolder(s))
		}
		if s.To != nil {
			to := User(s.To.User)
			row.GoesTo = &to
		}
		j.Seats = append(j.Seats, row)
	}
	for _, r := range h.Requests {
		row := harvestRequestJSON{Line: r.Line, Named: r.Named, Outcome: outcomeOf(r), Problem: OrNull(r.Problem), Message: OrNull(h.MessageToWaiting(r))}
		if r.User != nil {
			user := User(r.User)
			row.User = &user
		}
		if r.From != nil {
			from := User(r.From.User)
			row.From = &from
		}
		j.Requests = append(j.Requests, row)
	}
	return j
}

// Print prints the seats to offer back or, with waiting, the requests; with messages
// the texts for the people concerned as well.
func (h *Harvest) Print(p Printer, waiting, messages bool) error {
	if p.Format == "json" {
		l := Listing[*Harvest]{JSON: func(h *Harvest) any { return h.JSON() }}
		return l.Print(p, Given([]*Harvest{h}))
	}
	if waiting {
		if err := h.Waiting().Print(p, Given(h.Requests)); err != nil || p.Format != "text" {
			return err
		}
	} else {
		listed := slices.DeleteFunc(slices.Clone(h.Seats), func(s *reclaim.HarvestSeat) bool {
			return s.Verdict == reclaim.InUse || p.Format == "text" && s.Verdict != reclaim.Offer
		})
		if err := h.Offers().Print(p, Given(listed)); err != nil || p.Format != "text" {
			return err
		}
		if len(h.Requests) > 0 {
			if err := p.Printf("\n"); err != nil {
				return err
			}
			if err := h.Waiting().Print(p, Given(h.Requests)); err != nil {
				return err
			}
		}
	}
	if messages {
		if err := h.printMessages(p); err != nil {
			return err
		}
	}
	return p.Paragraphs(h.Sentences()...)
}

func (h *Harvest) printMessages(p Printer) error {
	for _, s := range h.Seats {
		if s.Verdict != reclaim.Offer {
			continue
		}
		if err := p.Printf("\nTo %s:\n%s\n", s.User.UPN, h.MessageToHolder(s)); err != nil {
			return err
		}
	}
	for _, r := range h.Requests {
		if text := h.MessageToWaiting(r); text != "" {
			if err := p.Printf("\nTo %s:\n%s\n", r.User.UPN, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func outcomeOf(r *reclaim.HarvestRequest) string {
	switch {
	case r.Problem != "":
		return "not-counted"
	case r.Free:
		return "free-seat"
	case r.From != nil:
		return "seat-of"
	}
	return "waits"
}

// steps are how the seat would be taken back.
func (h *Harvest) steps(s *reclaim.HarvestSeat) []string {
	var steps []string
	for i := range s.Paths {
		switch p := &s.Paths[i]; p.Kind {
		case snapshot.Direct:
			steps = append(steps, "unassign "+h.Book.SKULabel(h.SKU))
		case snapshot.ByGroup:
			steps = append(steps, "take the user out of group "+h.Book.PathName(&p.PathRef)+", after a look at what else it gives")
		default:
			steps = append(steps, "find out how it is held: Microsoft does not say")
		}
	}
	return steps
}

func (h *Harvest) product() string { return h.Book.Product(h.SKU) }

// MessageToHolder is the text for somebody whose seat is offered back.
func (h *Harvest) MessageToHolder(s *reclaim.HarvestSeat) string {
	if s.Verdict != reclaim.Offer {
		return ""
	}
	used := "has not been used for a long time"
	switch {
	case s.Last == nil && s.IdleDays != nil:
		used = fmt.Sprintf("has not been used in the last %s", Plural(*s.IdleDays, "day"))
	case s.Last != nil && s.IdleDays != nil && s.Counts.Used():
		used = fmt.Sprintf("has been used little; the last use shown is of %s", s.Last.At.Format("2 January 2006"))
	case s.Last != nil:
		used = "was last used on " + s.Last.At.Format("2 January 2006")
	}
	return fmt.Sprintf("Hello %s,\n\nby Microsoft's usage report your license for %s %s. Others are waiting for one. "+
		"If you need it, please answer by %s, and you keep it. Without an answer the license will be given to somebody else; your files and mail are not affected.",
		cmp.Or(s.User.Name, s.User.UPN), h.product(), used, h.AnswerBy.Format("2 January 2006"))
}

// MessageToWaiting is the text for somebody who asked for a seat.
func (h *Harvest) MessageToWaiting(r *reclaim.HarvestRequest) string {
	if r.Problem != "" || r.User == nil {
		return ""
	}
	hello := fmt.Sprintf("Hello %s,\n\nyou asked for a license for %s. ", cmp.Or(r.User.Name, r.User.UPN), h.product())
	switch {
	case r.Free:
		return hello + "One is free, and is planned for you."
	case r.From != nil:
		return hello + fmt.Sprintf("One is expected to become free after %s, and is planned for you.", h.AnswerBy.Format("2 January 2006"))
	}
	return hello + "None is free at the moment. Your request is noted, and you are on the waiting list."
}

// Offers lists the seats that are offered back.
func (h *Harvest) Offers() Listing[*reclaim.HarvestSeat] {
	type row = *reclaim.HarvestSeat
	to := func(s row) any {
		if s.To == nil {
			return nil
		}
		return s.To.User.UPN
	}
	l := Listing[row]{None: "no seat to offer back", Columns: []Column[row]{
		{CSV: "user_id", Cell: func(s row) any { return string(s.User.ID) }},
		{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(s row) any { return UserLabel(s.User) }, Cell: func(s row) any { return s.User.UPN }},
		{CSV: "name", Cell: func(s row) any { return s.User.Name }},
		{Column: out.Column{Head: "DEPARTMENT", Min: 8, Rank: 1}, CSV: "department", Text: func(s row) any { return OrNil(s.User.Department) }, Cell: func(s row) any { return s.User.Department }},
		{CSV: "verdict", Cell: func(s row) any { return string(s.Verdict) }},
		{CSV: "assigned_since", Cell: func(s row) any { return Stamp(s.Since.At) }},
		{CSV: "held_days", Cell: func(s row) any { return s.HeldDays }},
		{Column: out.Column{Head: "UNUSED DAYS", Right: true}, CSV: "idle_days", Text: func(s row) any {
			if s.IdleDays == nil {
				return nil
			}
			return *s.IdleDays
		}},
		{Column: out.Column{Head: "GOES TO"}, CSV: "goes_to", Text: to},
		{Column: out.Column{Head: "WHY", Min: 20, Wrap: true}, CSV: "reason", Text: func(s row) any { return s.Reason }},
		{CSV: "steps", Cell: func(s row) any { return strings.Join(h.steps(s), "; ") }},
		{CSV: "message", Cell: func(s row) any { return h.MessageToHolder(s) }},
	}}
	l.Columns = append(l.Columns, CopilotColumns(false, func(s row) *snapshot.CopilotCounts { return s.Counts })...)
	return l
}

// Waiting lists the requests, and what would become of them.
func (h *Harvest) Waiting() Listing[*reclaim.HarvestRequest] {
	type row = *reclaim.HarvestRequest
	from := func(r row) any {
		if r.From == nil {
			return nil
		}
		return r.From.User.UPN
	}
	return Listing[row]{None: "nobody waits", Columns: []Column[row]{
		{Column: out.Column{Head: "LINE"}, CSV: "line", Text: func(r row) any { return r.Line }},
		{Column: out.Column{Head: "ASKED BY", Keep: true}, CSV: "named", Text: func(r row) any { return r.Named }},
		{Column: out.Column{Head: "OUTCOME"}, CSV: "outcome", Text: func(r row) any { return outcomeOf(r) }},
		{Column: out.Column{Head: "SEAT OF"}, CSV: "from", Text: from},
		{Column: out.Column{Head: "NOTE", Min: 12, Wrap: true}, CSV: "problem", Text: func(r row) any { return OrNil(r.Problem) }, Cell: func(r row) any { return r.Problem }},
		{CSV: "message", Cell: func(r row) any { return h.MessageToWaiting(r) }},
	}}
}

// Sentences sums up the list.
func (h *Harvest) Sentences() []string {
	line := fmt.Sprintf("%s to offer back, %d free now.", Plural(h.Count(reclaim.Offer), "seat"), h.Free)
	var rest []string
	for _, v := range []struct {
		verdict reclaim.Verdict
		words   string
	}{{reclaim.InUse, "in use"}, {reclaim.InGrace, "new"}, {reclaim.Exempt, "excluded"}, {reclaim.NotJudged, "not judged"}, {reclaim.OfAgent, "of agent users"}} {
		if n := h.Count(v.verdict); n > 0 {
			rest = append(rest, fmt.Sprintf("%d %s", n, v.words))
		}
	}
	if len(rest) > 0 {
		line += " The others: " + strings.Join(rest, ", ") + "."
	}
	lines := []string{line}
	why := map[string]bool{}
	for _, s := range h.Seats {
		if s.Verdict == reclaim.NotJudged && !why[s.Reason] {
			why[s.Reason] = true
			lines = append(lines, s.Reason)
		}
	}
	waits := 0
	for _, r := range h.Requests {
		if r.Waits() {
			waits++
		}
	}
	if waits > 0 {
		lines = append(lines, fmt.Sprintf("%s without a seat.", Plural(waits, "request")))
	}
	return append(lines, "Nothing was changed: lictrail never writes to a tenant.")
}
