package proof

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/cohort"
	"lictrail/snapshot/store"
)

var seatTenants = flag.Int("seattenants", 6, "how many tenants whose seats are followed")

// TestSeats follows the seats of Copilot of random tenants through runs and database:
// the flows add up on every day, the population is that of the truth log wherever the
// dates are exact, and the first use lies between the bounds. 0 differences.
//
//	go test ./cmd/lictrail/internal/proof -run TestSeats -v -timeout 2h -seattenants 200
func TestSeats(t *testing.T) {
	var sum seatTally
	for seed := *firstSeed; seed < *firstSeed+uint64(*seatTenants); seed++ {
		newSeatPlay(t, seed).follow(t, &sum)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d tenants: %d days, %d of them compared with the truth, %d moves; %d seats: %d used, %d not yet, %d new, %d not known",
		*seatTenants, sum.days, sum.compared, sum.moves, sum.seats, sum.states[cohort.Used], sum.states[cohort.NotYet], sum.states[cohort.New], sum.states[cohort.Unknown])
	if sum.compared < 20**seatTenants || sum.moves < 5**seatTenants || sum.states[cohort.Used] < 2**seatTenants || sum.states[cohort.NotYet]+sum.states[cohort.New] < *seatTenants {
		t.Errorf("too little happened, or is known")
	}
}

// seatTally is what was compared.
type seatTally struct {
	days, compared, moves, seats int
	states                       map[cohort.State]int
}

// seatPlay is a tenant whose Copilot seats come and go, and the runs on it.
type seatPlay struct {
	tenant *graphtest.Tenant
	reader track.Reader
	db     *store.DB
	rng    *rand.Rand
	people []string
	held   map[string]bool
	used   map[string][]time.Time
}

func newSeatPlay(t *testing.T, seed uint64) *seatPlay {
	t.Helper()
	p := &seatPlay{tenant: graphtest.New(seed), rng: rand.New(rand.NewPCG(seed, 33)), held: map[string]bool{}, used: map[string][]time.Time{}}
	for _, name := range []string{"Ann", "Bob", "Cyd", "Dan", "Eve", "Fay", "Gus", "Hal"} {
		p.people = append(p.people, p.tenant.AddUser(p.tenant.Admins[0], graphtest.UserSpec{Name: name, Department: "Sales"}))
	}
	p.tenant.Copilot = []graphtest.CopilotWorld{graphtest.CopilotMoved, graphtest.CopilotFirst, graphtest.CopilotOld, graphtest.CopilotUncounted}[seed%4]
	server := graphtest.NewServer(p.tenant)
	t.Cleanup(func() { server.Close() })
	base, err := server.Start()
	must(t, err)
	p.reader, err = cli.SimulatedReader(base)
	must(t, err)
	p.db, err = store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "seats.db"), migrations.Apply)
	must(t, err)
	t.Cleanup(func() { p.db.Close() })
	return p
}

func (p *seatPlay) sync(t *testing.T) {
	t.Helper()
	_, err := track.Run(t.Context(), p.reader, p.db, track.Options{
		MaxShrink: 1, Version: "proof", Now: p.tenant.Now, Audit: p.reader.(track.AuditReader),
		Activity: []snapshot.ActivitySource{snapshot.CopilotUsage}, ActivityReader: p.reader.(track.ActivityReader),
	})
	must(t, err)
}

// live plays a week: seats come and go, and some are used.
func (p *seatPlay) live(t *testing.T) {
	t.Helper()
	for range 7 {
		p.tenant.Advance(time.Duration(2+p.rng.IntN(8)) * time.Hour)
		who := p.people[p.rng.IntN(len(p.people))]
		by := p.tenant.Admins[p.rng.IntN(2)]
		switch dice := p.rng.IntN(10); {
		case dice < 3 && !p.held[who]:
			must(t, p.tenant.AssignDirect(by, who, graphtest.SKUCopilot))
			p.held[who] = true
		case dice < 2 && p.held[who]:
			must(t, p.tenant.RemoveDirect(by, who, graphtest.SKUCopilot))
			p.held[who] = false
		case dice < 8 && p.held[who]:
			p.tenant.Prompt(who, graphtest.CopilotWord, 1)
			p.used[who] = append(p.used[who], p.tenant.Now())
		}
		p.tenant.AdvanceTo(snapshot.DayOf(p.tenant.Now()).Time().Add(24 * time.Hour))
	}
}

func (p *seatPlay) follow(t *testing.T, sum *seatTally) {
	t.Helper()
	p.tenant.Advance(time.Hour)
	p.sync(t)
	began := snapshot.DayOf(p.tenant.Now())
	for range 8 {
		p.live(t)
		p.tenant.Advance(3 * time.Hour)
		p.sync(t)
	}
	book, err := ask.Of(t.Context(), p.db)
	must(t, err)
	defer book.Close()
	days := snapshot.Days{From: began + 1, To: snapshot.DayOf(book.History.At.ObservedUntil)}
	file := ask.Rules{File: &rules.File{}}
	flow, err := book.SeatFlow(t.Context(), graphtest.SKUCopilot, days, file)
	must(t, err)
	p.compareFlow(t, flow, sum)
	uses, err := book.FirstUse(t.Context(), graphtest.SKUCopilot, days, 14, "")
	must(t, err)
	for _, g := range uses.Groups {
		for i := range g.List {
			p.compareUse(t, &g.List[i], snapshot.DayOf(p.tenant.Now()), sum)
		}
	}
}

func (p *seatPlay) compareFlow(t *testing.T, f *ask.SeatFlow, sum *seatTally) {
	t.Helper()
	truth := map[snapshot.Day]int{}
	for _, lives := range p.lives() {
		for day := f.Days.From; day <= f.Days.To; day++ {
			end := (day + 1).Time()
			for _, life := range lives {
				if life.from.Before(end) && (life.to.IsZero() || !life.to.Before(end)) {
					truth[day]++
				}
			}
		}
	}
	population := f.Start
	for _, d := range f.ByDay {
		for _, k := range cohort.Gains {
			population += d.Moves[k]
		}
		for _, k := range cohort.Losses {
			population -= d.Moves[k]
		}
		if sum.days++; population != d.Population {
			t.Errorf("%v: the flows give %d, %d hold it", d.Day.Time(), population, d.Population)
		}
		if f.Inexact == 0 || d.Day == f.Days.To {
			if sum.compared++; d.Population != truth[d.Day] {
				t.Errorf("%v: %d hold it, truth %d", d.Day.Time(), d.Population, truth[d.Day])
			}
		}
	}
	sum.moves += len(f.Moves)
}

// seatLife is a time for which a user truly held the seat.
type seatLife struct{ from, to time.Time }

func (p *seatPlay) lives() map[string][]seatLife {
	lives := map[string][]seatLife{}
	for _, a := range p.tenant.Truth() {
		switch {
		case a.SKU != graphtest.SKUCopilot:
		case a.Kind == graphtest.LicenseAdded:
			lives[a.User] = append(lives[a.User], seatLife{from: a.At})
		case a.Kind == graphtest.LicenseRemoved:
			lives[a.User][len(lives[a.User])-1].to = a.At
		}
	}
	return lives
}

// compareUse holds a first use to what truly happened after the assignment.
func (p *seatPlay) compareUse(t *testing.T, f *cohort.FirstUse, today snapshot.Day, sum *seatTally) {
	t.Helper()
	if sum.states == nil {
		sum.states = map[cohort.State]int{}
	}
	sum.seats, sum.states[f.State] = sum.seats+1, sum.states[f.State]+1
	var mine seatLife
	user := string(f.Spell.User)
	for _, l := range p.lives()[user] {
		if !l.from.Before(f.Spell.From.NotBefore) && !l.from.After(f.Spell.From.NotAfter) {
			mine = l
		}
	}
	if mine.from.IsZero() {
		t.Errorf("%s: no true assignment in %v", user, f.Spell.From)
		return
	}
	first := snapshot.Day(-1)
	for _, at := range p.used[user] {
		if !at.Before(mine.from) && (mine.to.IsZero() || at.Before(mine.to)) {
			first = snapshot.DayOf(at)
			break
		}
	}
	given := snapshot.DayOf(mine.from)
	switch f.State {
	case cohort.Used:
		if took := int(first - given); first < 0 || took < f.Min || took > f.Max {
			t.Errorf("%s: used after %d to %d days, truly first on %d, given on %d", user, f.Min, f.Max, first, given)
		}
	case cohort.NotYet, cohort.New:
		if first >= 0 && int(first-given) <= f.Min {
			t.Errorf("%s: not used for %d days, truly used after %d", user, f.Min, first-given)
		}
		if f.State == cohort.NotYet && f.Spell.To == nil && int(today-given) < 14 {
			t.Errorf("%s: a new starter is called unused", user)
		}
	}
}
