package show

import (
	"cmp"
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// HitText says which users would lose a license with a lapse, as far as that can be known.
func HitText(l *ask.Lapse) string {
	if l.Drawn != nil {
		return drawnText(l)
	}
	switch {
	case l.Row.Assigned == 0:
		return "nobody holds it"
	case l.Short == 0:
		return fmt.Sprintf("enough seats: %s, %s go on elsewhere", Plural(l.Row.Assigned, "user"), Plural(l.Left, "seat"))
	case l.Left == 0 && l.Short == 1:
		return "its only user"
	case l.Left == 0:
		return fmt.Sprintf("all %s", Plural(l.Row.Assigned, "user"))
	}
	return fmt.Sprintf("%d of %s; which is not known", l.Short, Plural(l.Row.Assigned, "user"))
}

// drawnText says which users and devices draw on the subscription that lapses.
func drawnText(l *ask.Lapse) string {
	var labels []string
	if n := len(l.Users); n > 0 {
		labels = append(labels, fmt.Sprintf("%d of %s, whose licenses draw on it", n, Plural(l.Row.Assigned, "user")))
	}
	if n := l.Drawn.Devices; n > 0 {
		labels = append(labels, Plural(n, "device"))
	}
	if n := l.Drawn.NotKnown; n > 0 {
		labels = append(labels, fmt.Sprintf("of %s it is not known", Plural(n, "user")))
	}
	if len(labels) == 0 {
		return "nobody: no license draws on it"
	}
	return strings.Join(labels, "; ")
}

type LapseJSON struct {
	SKU          SKUJSON          `json:"sku"`
	Subscription SubscriptionJSON `json:"subscription"`
	Becomes      string           `json:"becomes"`
	Assigned     int64            `json:"assigned"`
	SeatsLeft    int64            `json:"seats_left"`
	WithoutSeat  int64            `json:"without_seat"`
	Users        []UserJSON       `json:"users"`
	UsersKnown   bool             `json:"users_known"`
	Drawn        *drawnJSON       `json:"drawn"`
}

// drawnJSON is what draws on a subscription; null where that is not known.
type drawnJSON struct {
	Users     int      `json:"users"`
	NotKnown  int64    `json:"not_known"`
	Devices   int      `json:"devices"`
	DeviceIDs []string `json:"device_ids"`
}

func Lapses(b *ask.Book) Listing[*ask.Lapse] {
	type row = *ask.Lapse
	return Listing[row]{
		JSON: func(l row) any {
			j := LapseJSON{SKU: SKU(b, l.SKU), Subscription: Subscription(l.Subscription), Becomes: l.Becomes, Assigned: l.Row.Assigned,
				SeatsLeft: l.Left, WithoutSeat: l.Short, Users: []UserJSON{}, UsersKnown: l.Short == 0 || l.Left == 0}
			if l.Drawn != nil {
				j.UsersKnown = l.Drawn.NotKnown == 0
				j.Drawn = &drawnJSON{len(l.Users), l.Drawn.NotKnown, l.Drawn.Devices, append([]string{}, l.Drawn.DeviceIDs...)}
			}
			for i := range l.Users {
				j.Users = append(j.Users, User(&l.Users[i]))
			}
			return j
		},
		None: "no subscription lapses by then, as far as Microsoft gives dates",
		Columns: []Column[row]{
			{CSV: "sku_id", Cell: func(l row) any { return string(l.SKU) }},
			skuColumn(b, func(l row) snapshot.SKUID { return l.SKU }),
			{CSV: "subscription_id", Cell: func(l row) any { return l.ID }},
			{Column: out.Column{Head: "STATUS", Min: 7, Rank: 3}, CSV: "status", Text: func(l row) any { return l.Status }},
			{Column: out.Column{Head: "SEATS"}, CSV: "seats", Text: func(l row) any { return l.Total }},
			{CSV: "trial", Cell: func(l row) any { return l.Trial }},
			{Column: out.Column{Head: "ON"}, CSV: "next_lifecycle_at", Text: func(l row) any { return DayOrNil(l.NextLifecycleAt) }, Cell: func(l row) any { return Stamp(l.NextLifecycleAt) }},
			{CSV: "assigned", Cell: func(l row) any { return l.Row.Assigned }},
			{CSV: "seats_left", Cell: func(l row) any { return l.Left }},
			{Column: out.Column{Head: "HITS", Min: 12, Rank: 2}, CSV: "", Text: func(l row) any { return HitText(l) }},
			{CSV: "without_seat", Cell: func(l row) any { return l.Short }},
			{CSV: "users", Cell: func(l row) any { return upnsOf(l.Users) }},
			{Column: out.Column{Head: "THEN IT", Min: 20, Wrap: true}, CSV: "becomes", Text: func(l row) any { return l.Becomes }},
			productColumn(b, func(l row) snapshot.SKUID { return l.SKU }),
			{CSV: "draw_on_it", Cell: drawn(func(l row) int64 { return int64(len(l.Users)) })},
			{CSV: "draw_not_known", Cell: drawn(func(l row) int64 { return l.Drawn.NotKnown })},
			{CSV: "devices", Cell: drawn(func(l row) int64 { return int64(l.Drawn.Devices) })},
		},
	}
}

// drawn is a cell that is empty where what draws on a subscription is not known.
func drawn(count func(*ask.Lapse) int64) func(*ask.Lapse) any {
	return func(l *ask.Lapse) any {
		if l.Drawn == nil {
			return nil
		}
		return count(l)
	}
}

func upnsOf(users []snapshot.User) string {
	labels := make([]string, len(users))
	for i := range users {
		labels[i] = cmp.Or(users[i].UPN, string(users[i].ID))
	}
	return strings.Join(labels, "; ")
}

// PrintLapses prints the subscriptions that lapse, and in text who loses a license.
func PrintLapses(p Printer, rows []ask.Lapse) error {
	if err := Lapses(p.Book).Print(p, Each(rows)); err != nil || p.Format != "text" {
		return err
	}
	return p.Paragraphs(LapseSentences(p.Book, rows)...)
}
