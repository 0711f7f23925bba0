package proof

import (
	"context"
	"fmt"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// BenchmarkUpdateUser shows what it saves to ask for "Update user" only for the
// users whose licenses changed: in a tenant with directory synchronization
// nearly all of these records are noise, and they cannot be filtered by what
// was updated. 500 users are synchronized daily for a week; 5 change.
//
//	go test ./cmd/lictrail/internal/proof -run '^$' -bench UpdateUser
func BenchmarkUpdateUser(b *testing.B) {
	tenant, changed := hybrid(b)
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	if err != nil {
		b.Fatal(err)
	}
	week := snapshot.AuditQuery{Activity: "Update user", From: tenant.Now().Add(-7 * 24 * time.Hour), To: tenant.Now()}
	b.Run("all", func(b *testing.B) { fetch(b, reader, []snapshot.AuditQuery{week}) })
	b.Run("narrow", func(b *testing.B) {
		var queries []snapshot.AuditQuery
		for _, id := range changed {
			q := week
			q.Target = id
			queries = append(queries, q)
		}
		fetch(b, reader, queries)
	})
}

// hybrid is a tenant whose users are synchronized from a directory every day.
func hybrid(b *testing.B) (*graphtest.Tenant, []snapshot.UserID) {
	b.Helper()
	tenant := graphtest.New(1)
	for i := range 500 {
		tenant.AddUser(tenant.Apps[0], graphtest.UserSpec{Name: fmt.Sprintf("User %d", i), Department: "Sales", Synced: true})
	}
	ids := tenant.UserIDs()
	var changed []snapshot.UserID
	for day := range 7 {
		tenant.Advance(24 * time.Hour)
		tenant.SyncNoise(ids...)
		if day < 5 {
			if err := tenant.AssignDirect(tenant.Admins[0], ids[day*50], graphtest.SKUE3); err != nil {
				b.Fatal(err)
			}
			changed = append(changed, snapshot.UserID(ids[day*50]))
		}
	}
	return tenant, changed
}

func fetch(b *testing.B, reader *graph.Client, queries []snapshot.AuditQuery) {
	b.Helper()
	var records, bytes int
	before := reader.Requests()
	for b.Loop() {
		records, bytes = 0, 0
		for _, q := range queries {
			err := reader.DirectoryAudits(context.Background(), q, func(page []snapshot.LogRecord) error {
				for _, r := range page {
					records, bytes = records+1, bytes+len(r.Raw)
				}
				return nil
			}, func() error { return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(records), "records")
	b.ReportMetric(float64(bytes)/1024, "KiB")
	b.ReportMetric(float64(reader.Requests()-before)/float64(b.N), "requests")
	b.ReportMetric(0, "ns/op")
}
