package reclaim

import "lictrail/snapshot"

// Seen is what is known of the use of a seat, without a verdict.
type Seen struct {
	Last   *snapshot.Use           // the newest; nil: none is known
	Known  bool                    // a source shows the seat's use: without Last none was seen
	Counts *snapshot.CopilotCounts // of a Copilot seat; nil: there are none
}

// Evidence shows what is known of the use of seats, by the rules of [Judge].
type Evidence struct{ judge Judging }

// NewEvidence prepares for SKUs, with how activity was read.
func NewEvidence(skus map[snapshot.SKUID]SKU, reads map[snapshot.ActivitySource]snapshot.ActivityRead) *Evidence {
	e := &Evidence{Judging{Input: Input{SKUs: skus, Reads: reads}, traits: map[snapshot.SKUID]traits{}}}
	for id, sku := range skus {
		e.judge.traits[id] = traitsOf(sku)
	}
	return e
}

// Of returns what is known of a seat whose user has that activity.
func (e *Evidence) Of(sku snapshot.SKUID, activity snapshot.UserActivity) Seen {
	u := e.judge.useOf(&Holder{Activity: activity}, &Holding{SKU: sku})
	return Seen{Last: u.last, Known: u.known() && !u.undated, Counts: u.counts}
}

// Copilot reports whether a SKU is judged by Copilot's own report.
func (e *Evidence) Copilot(sku snapshot.SKUID) bool { return e.judge.traits[sku].copilotOnly() }

// Source is a source of activity and the kinds of use by which it shows that a seat is used.
type Source struct {
	Source snapshot.ActivitySource
	Kinds  []snapshot.ActivityKind
}

// Sources lists what shows the use of a SKU's seats, by the rules of [Judge]. An attempt
// to sign in is no use.
func (e *Evidence) Sources(sku snapshot.SKUID) []Source {
	t := e.judge.traits[sku]
	if t.copilotOnly() {
		return []Source{{snapshot.CopilotUsage, snapshot.CopilotKinds}}
	}
	sources := []Source{{snapshot.SignIns, []snapshot.ActivityKind{snapshot.SignedIn}}}
	if t.workload {
		sources = append(sources, Source{snapshot.ActiveUsers, []snapshot.ActivityKind{snapshot.UsedExchange, snapshot.UsedOneDrive,
			snapshot.UsedSharePoint, snapshot.UsedSkype, snapshot.UsedYammer, snapshot.UsedTeams}})
	}
	if t.apps {
		sources = append(sources, Source{snapshot.AppsUsage, []snapshot.ActivityKind{snapshot.UsedApps}})
	}
	return sources
}
