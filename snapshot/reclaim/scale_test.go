package reclaim

import (
	"fmt"
	"testing"
	"time"

	"lictrail/snapshot"
)

// BenchmarkJudge judges 100,000 users who hold two SKUs of 60 plans each, the
// one in part under the other.
func BenchmarkJudge(b *testing.B) {
	at := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	in := Input{AsOf: at, SKUs: map[snapshot.SKUID]SKU{}, Reads: map[snapshot.ActivitySource]snapshot.ActivityRead{
		snapshot.SignIns: {Source: snapshot.SignIns, Since: at.AddDate(-5, 0, 0), Until: at}}}
	for n, id := range []snapshot.SKUID{"E3", "E5"} {
		s := SKU{Name: string(id), Plans: map[snapshot.PlanID]string{}}
		for i := range 60 {
			name := fmt.Sprintf("PLAN_%d_E%d", i, 3+2*n*(i%2))
			s.Plans[snapshot.PlanID(name)] = name
		}
		in.SKUs[id] = s
	}
	enabled := true
	for i := range 100_000 {
		h := Holder{User: snapshot.User{ID: snapshot.UserID(fmt.Sprint(i)), Attributes: snapshot.Attributes{Enabled: &enabled}},
			Activity: snapshot.UserActivity{Covered: []snapshot.ActivitySource{snapshot.SignIns},
				Last: []snapshot.Use{{Kind: snapshot.SignedIn, At: at.AddDate(0, 0, -i%300)}}}}
		for _, sku := range []snapshot.SKUID{"E3", "E5"} {
			h.Seats = append(h.Seats, Holding{SKU: sku, Since: snapshot.ExactDate(at.AddDate(-1, 0, 0)),
				Paths: []Path{{Path: snapshot.Path{PathKey: snapshot.PathKey{SKU: sku, PathRef: snapshot.PathRef{Kind: snapshot.Direct}}}}}})
		}
		in.Holders = append(in.Holders, h)
	}
	b.ReportAllocs()
	for b.Loop() {
		Judge(in, Settings{Days: DefaultDays})
	}
}
