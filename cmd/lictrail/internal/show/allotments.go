package show

import (
	"cmp"
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

type AllotmentJSON struct {
	ID            string                      `json:"id"`
	SKU           *SKUJSON                    `json:"sku"`
	Allotted      *int64                      `json:"allotted"`
	Consumed      *int64                      `json:"consumed"`
	AssignableTo  []string                    `json:"assignable_to"`
	Subscriptions []allotmentSubscriptionJSON `json:"subscriptions"`
	AssignedTo    assignedToJSON              `json:"assigned_to"`
	Waiting       int                         `json:"waiting"`
}

type allotmentSubscriptionJSON struct {
	ID              string  `json:"id"`
	State           *string `json:"state"`
	StartedAt       *string `json:"started_at"`
	NextLifecycleAt *string `json:"next_lifecycle_at"`
	Trial           bool    `json:"trial"`
}

type assignedToJSON struct {
	Users   int `json:"users"`
	Groups  int `json:"groups"`
	Devices int `json:"devices"`
	Others  int `json:"others"`
}

// skuOrNull is a SKU, or null where it is not known.
func skuOrNull(b *ask.Book, id snapshot.SKUID) *SKUJSON {
	if id == "" {
		return nil
	}
	j := SKU(b, id)
	return &j
}

// poolName is the name of an allotment, which is that of its SKU.
func poolName(b *ask.Book, a *snapshot.Allotment) string {
	if a.SKU != "" {
		return b.SKULabel(a.SKU)
	}
	return cmp.Or(a.PartNumber, NotKnown)
}

// eachSubscription joins the results of a function for the subscriptions of an allotment.
func eachSubscription(a *snapshot.Allotment, value func(snapshot.AllotmentSubscription) string) any {
	var labels []string
	for _, s := range a.Subscriptions {
		labels = append(labels, cmp.Or(value(s), "–"))
	}
	return Dash(strings.Join(labels, ", "))
}

func nextText(s snapshot.AllotmentSubscription) string {
	text, _ := DayOrNil(s.NextLifecycleAt).(string)
	return text
}

func numberOr(n *int64) any {
	if n == nil {
		return NotKnown
	}
	return *n
}

// Allotments lists pools of licenses.
func Allotments(b *ask.Book) Listing[*ask.Allotment] {
	type row = *ask.Allotment
	ids := func(r row) any {
		return eachSubscription(&r.Allotment, func(s snapshot.AllotmentSubscription) string { return s.ID })
	}
	return Listing[row]{
		JSON: func(r row) any {
			j := AllotmentJSON{ID: string(r.ID), SKU: skuOrNull(b, r.SKU), Allotted: r.Allotted, Consumed: r.Consumed, AssignableTo: []string{},
				Subscriptions: []allotmentSubscriptionJSON{}, AssignedTo: assignedToJSON{r.Users, r.Groups, r.Devices, r.Others}, Waiting: r.Waiting}
			for label := range strings.SplitSeq(r.AssignableTo, ",") {
				if label = strings.TrimSpace(label); label != "" {
					j.AssignableTo = append(j.AssignableTo, label)
				}
			}
			for _, s := range r.Subscriptions {
				j.Subscriptions = append(j.Subscriptions, allotmentSubscriptionJSON{s.ID, OrNull(s.State), Stamp(s.StartedAt), Stamp(s.NextLifecycleAt), s.Trial})
			}
			return j
		},
		None: "no allotment is listed",
		Columns: []Column[row]{
			{CSV: "allotment_id", Cell: func(r row) any { return string(r.ID) }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: func(r row) any { return poolName(b, &r.Allotment) }, Cell: func(r row) any { return r.PartNumber }},
			{Column: out.Column{Head: "LICENSES"}, CSV: "allotted", Text: func(r row) any { return numberOr(r.Allotted) }, Cell: func(r row) any { return r.Allotted }},
			{Column: out.Column{Head: "USED"}, CSV: "consumed", Text: func(r row) any { return numberOr(r.Consumed) }, Cell: func(r row) any { return r.Consumed }},
			{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(r row) any { return r.Users }},
			{Column: out.Column{Head: "GROUPS"}, CSV: "groups", Text: func(r row) any { return r.Groups }},
			{Column: out.Column{Head: "DEVICES"}, CSV: "devices", Text: func(r row) any { return r.Devices }},
			{CSV: "others", Cell: func(r row) any { return r.Others }},
			{Column: out.Column{Head: "WAITING"}, CSV: "waiting", Text: func(r row) any { return r.Waiting }},
			{Column: out.Column{Head: "STATE", Min: 6, Rank: 3}, CSV: "states", Text: func(r row) any {
				return eachSubscription(&r.Allotment, func(s snapshot.AllotmentSubscription) string { return s.State })
			}},
			{Column: out.Column{Head: "NEXT", Min: 10, Rank: 2}, CSV: "next_lifecycle_at", Text: func(r row) any { return eachSubscription(&r.Allotment, nextText) }},
			{Column: out.Column{Head: "SUBSCRIPTION", Min: 8, Rank: 1}, CSV: "subscription_ids", Text: ids},
			knownProduct(b, func(r row) snapshot.SKUID { return r.SKU }),
		},
	}
}

type poolJSON struct {
	ID  string   `json:"id"`
	SKU *SKUJSON `json:"sku"`
}

type holderJSON struct {
	Kind   string     `json:"kind"`
	User   *UserJSON  `json:"user"`
	Group  *GroupJSON `json:"group"`
	Device *string    `json:"device"`
}

type AllotmentHolderJSON struct {
	Allotment poolJSON `json:"allotment"`
	holderJSON
}

type WaitingMemberJSON struct {
	Allotment poolJSON `json:"allotment"`
	holderJSON
	Since *string `json:"since"`
}

type AssignmentErrorJSON struct {
	SKU *SKUJSON `json:"sku"`
	holderJSON
	Code    string  `json:"code"`
	Message *string `json:"message"`
	At      *string `json:"at"`
}

func pool(b *ask.Book, a *snapshot.Allotment) poolJSON {
	return poolJSON{string(a.ID), skuOrNull(b, a.SKU)}
}

func holder(b *ask.Book, h *ask.Holder) holderJSON {
	j := holderJSON{Kind: string(h.Kind)}
	switch h.Kind {
	case snapshot.HeldByUser:
		u := User(h.User)
		j.User = &u
	case snapshot.HeldByGroup:
		j.Group = Group(b, snapshot.GroupID(h.ID))
	case snapshot.HeldByDevice:
		j.Device = OrNull(h.ID)
	}
	return j
}

// HolderText says who or what a holder is.
func HolderText(b *ask.Book, h *ask.Holder) string {
	switch h.Kind {
	case snapshot.HeldByUser:
		return cmp.Or(h.User.UPN, string(h.User.ID))
	case snapshot.HeldByGroup:
		return "group " + cmp.Or(b.History.GroupName(snapshot.GroupID(h.ID)), h.ID)
	case snapshot.HeldByDevice:
		return strings.TrimSpace("device " + h.ID)
	}
	return "somebody whom no run has read"
}

// holderColumns show whom or what a row is about.
func holderColumns[T any](b *ask.Book, value func(T) *ask.Holder) []Column[T] {
	return []Column[T]{
		{Column: out.Column{Head: "HOLDER", Keep: true}, Text: func(r T) any { return HolderText(b, value(r)) }},
		{CSV: "kind", Cell: func(r T) any { return string(value(r).Kind) }},
		{CSV: "holder_id", Cell: func(r T) any { return value(r).ID }},
		{CSV: "upn", Cell: func(r T) any {
			if u := value(r).User; u != nil {
				return u.UPN
			}
			return nil
		}},
		{CSV: "group", Cell: func(r T) any {
			if h := value(r); h.Kind == snapshot.HeldByGroup {
				return b.History.GroupName(snapshot.GroupID(h.ID))
			}
			return nil
		}},
	}
}

// poolColumns show an allotment.
func poolColumns[T any](b *ask.Book, value func(T) *snapshot.Allotment) []Column[T] {
	return []Column[T]{
		{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: func(r T) any { return poolName(b, value(r)) }, Cell: func(r T) any { return value(r).PartNumber }},
		{CSV: "sku_id", Cell: func(r T) any { return string(value(r).SKU) }},
		{Column: out.Column{Head: "SUBSCRIPTION", Min: 8, Rank: 1}, CSV: "subscription_ids", Text: func(r T) any {
			return eachSubscription(value(r), func(s snapshot.AllotmentSubscription) string { return s.ID })
		}},
		{CSV: "allotment_id", Cell: func(r T) any { return string(value(r).ID) }},
		knownProduct(b, func(r T) snapshot.SKUID { return value(r).SKU }),
	}
}

// knownProduct is the name of the product, where the SKU is known.
func knownProduct[T any](b *ask.Book, value func(T) snapshot.SKUID) Column[T] {
	c := productColumn(b, value)
	return Column[T]{CSV: c.CSV, Cell: func(row T) any {
		if value(row) == "" {
			return nil
		}
		return c.Cell(row)
	}}
}

// AllotmentHolders lists to what licenses of allotments are assigned.
func AllotmentHolders(b *ask.Book) Listing[*ask.AllotmentHolder] {
	type row = *ask.AllotmentHolder
	l := Listing[row]{
		JSON: func(r row) any { return AllotmentHolderJSON{pool(b, r.Allotment), holder(b, &r.Holder)} },
		None: "no such assignment is listed",
	}
	l.Columns = append(poolColumns(b, func(r row) *snapshot.Allotment { return r.Allotment }), holderColumns(b, func(r row) *ask.Holder { return &r.Holder })...)
	return l
}

// WaitingMembers lists who waits for licenses.
func WaitingMembers(b *ask.Book) Listing[*ask.WaitingMember] {
	type row = *ask.WaitingMember
	l := Listing[row]{
		JSON: func(r row) any { return WaitingMemberJSON{pool(b, r.Allotment), holder(b, &r.Holder), Stamp(r.Since)} },
		None: "nobody waits for a license",
	}
	l.Columns = append(holderColumns(b, func(r row) *ask.Holder { return &r.Holder }), poolColumns(b, func(r row) *snapshot.Allotment { return r.Allotment })...)
	l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: "SINCE"}, CSV: "since", Text: func(r row) any { return DayOrNil(r.Since) }, Cell: func(r row) any { return Stamp(r.Since) }})
	return l
}

// AssignmentErrors lists assignments that did not take effect.
func AssignmentErrors(b *ask.Book) Listing[*ask.AssignmentError] {
	type row = *ask.AssignmentError
	l := Listing[row]{
		JSON: func(r row) any {
			return AssignmentErrorJSON{skuOrNull(b, r.SKU), holder(b, &r.Holder), r.Code, OrNull(r.Message), Stamp(r.At)}
		},
		None: "no assignment failed",
	}
	name := func(r row) any {
		if r.SKU == "" {
			return nil
		}
		return b.SKULabel(r.SKU)
	}
	l.Columns = append(holderColumns(b, func(r row) *ask.Holder { return &r.Holder }),
		Column[row]{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
		Column[row]{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: name, Cell: func(r row) any {
			if r.SKU == "" {
				return nil
			}
			return b.PlainSKU(r.SKU)
		}},
		Column[row]{Column: out.Column{Head: "LAST"}, CSV: "at", Text: func(r row) any { return DayOrNil(r.At) }, Cell: func(r row) any { return Stamp(r.At) }},
		Column[row]{Column: out.Column{Head: "ERROR", Min: 8}, CSV: "code", Text: func(r row) any { return r.Code }},
		Column[row]{Column: out.Column{Head: "MESSAGE", Min: 20, Wrap: true, Rank: 1}, CSV: "message", Text: func(r row) any { return r.Message }},
		knownProduct(b, func(r row) snapshot.SKUID { return r.SKU }),
	)
	return l
}

// namedAtMost is how many users a sentence names.
const namedAtMost = 20

// LapseSentences name those whose licenses draw on a subscription that lapses.
func LapseSentences(b *ask.Book, lapses []ask.Lapse) []string {
	var lines []string
	for i := range lapses {
		l := &lapses[i]
		if l.Drawn == nil || len(l.Users) == 0 {
			continue
		}
		var names []string
		for k := range l.Users {
			if k == namedAtMost {
				names = append(names, fmt.Sprintf("%d more", len(l.Users)-k))
				break
			}
			names = append(names, cmp.Or(l.Users[k].UPN, string(l.Users[k].ID)))
		}
		lines = append(lines, fmt.Sprintf("%s, subscription %s: %s.", b.SKULabel(l.SKU), l.ID, strings.Join(names, ", ")))
	}
	return lines
}
