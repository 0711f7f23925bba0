package cli

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

// names is the history that a command asks, with methods of its own.
type names struct{ *ask.Book }

type skuRowJSON struct {
	SKU           show.SKUJSON            `json:"sku"`
	Status        string                  `json:"status"`
	Prepaid       snapshot.Units          `json:"prepaid"`
	Consumed      int64                   `json:"consumed"`
	Assigned      int64                   `json:"assigned"`
	Available     int64                   `json:"available"`
	ServicePlans  int                     `json:"service_plans"`
	Subscriptions []show.SubscriptionJSON `json:"subscriptions"`
	FirstSeen     *string                 `json:"first_seen"`
	GoneAt        *string                 `json:"gone_at"`
	OverAssigned  int64                   `json:"over_assigned"`
	Agents        int64                   `json:"agents"` // users of these who are agents
	Trend         *show.TrendJSON         `json:"trend"`
}

func (n names) skuRow(r *skuWithTrend) skuRowJSON {
	j := skuRowJSON{
		SKU: show.SKU(n.Book, r.ID), Status: r.Status, Prepaid: r.Units, Consumed: r.Consumed, Assigned: r.Assigned,
		Available: show.Available(r.SKURow), ServicePlans: r.Plans, Subscriptions: []show.SubscriptionJSON{},
	}
	if n.Lacks(snapshot.ReadSubscriptions) {
		j.Subscriptions = nil // not known, rather than none
	}
	for _, s := range r.Bought {
		j.Subscriptions = append(j.Subscriptions, show.Subscription(s))
	}
	if r.First != nil {
		j.FirstSeen = show.Stamp(r.First.ObservedUntil)
	}
	j.GoneAt, j.OverAssigned, j.Agents = goneAt(r.SKURow), r.over(), r.agents
	if r.trend != nil {
		j.Trend = &show.TrendJSON{Runs: r.trend.Runs, PerWeek: *show.PerWeek(r.trend), RunsOut: r.runsOutDay(n.History.At.ObservedUntil)}
	}
	return j
}

// nothing is for listings that rest on no history.
var nothing = names{ask.Tenant(snapshot.Tenant{})}
