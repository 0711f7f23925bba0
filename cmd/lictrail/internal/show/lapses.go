package show

import (
	"cmp"
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// HitWords says whom the lapse hits, as far as that can be known.
func HitWords(l *ask.Lapse) string {
	switch {
	case l.Row.Assigned == 0:
		return "nobody holds it"
	case l.Short == 0:
		return fmt.Sprintf("nobody: %s, %s go on elsewhere", Plural(l.Row.Assigned, "user"), Plural(l.Left, "seat"))
	case l.Left == 0 && l.Short == 1:
		return "its only user"
	case l.Left == 0:
		return fmt.Sprintf("all %s", Plural(l.Row.Assigned, "user"))
	}
	return fmt.Sprintf("%d of %s; which is not known", l.Short, Plural(l.Row.Assigned, "user"))
}

type lapseJSON struct {
	SKU          SKUJSON          `json:"sku"`
	Subscription SubscriptionJSON `json:"subscription"`
	Becomes      string           `json:"becomes"`
	Assigned     int64            `json:"assigned"`
	SeatsLeft    int64            `json:"seats_left"`
	WithoutSeat  int64            `json:"without_seat"`
	Users        []UserJSON       `json:"users"`
	UsersKnown   bool             `json:"users_known"`
}

func Lapses(b *ask.Book) Listing[*ask.Lapse] {
	type row = *ask.Lapse
	return Listing[row]{
		JSON: func(l row) any {
			j := lapseJSON{SKU: SKU(b, l.SKU), Subscription: Subscription(l.Subscription), Becomes: l.Becomes, Assigned: l.Row.Assigned,
				SeatsLeft: l.Left, WithoutSeat: l.Short, Users: []UserJSON{}, UsersKnown: l.Short == 0 || l.Left == 0}
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
			{Column: out.Column{Head: "HITS", Min: 12, Rank: 2}, CSV: "", Text: func(l row) any { return HitWords(l) }},
			{CSV: "without_seat", Cell: func(l row) any { return l.Short }},
			{CSV: "users", Cell: func(l row) any { return upnsOf(l.Users) }},
			{Column: out.Column{Head: "THEN IT", Min: 20, Wrap: true}, CSV: "becomes", Text: func(l row) any { return l.Becomes }},
			productColumn(b, func(l row) snapshot.SKUID { return l.SKU }),
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
