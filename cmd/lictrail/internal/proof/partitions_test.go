package proof

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// TestPartitionsMakeTheSameHistory: a tenant that is read in partitions one week and in
// one pass the next, whatever goes wrong with its lists, has the history of one that is
// always read in one pass. Users in the partitions come in another order, are listed
// twice, or are dropped and read again; nobody loses a license by it.
func TestPartitionsMakeTheSameHistory(t *testing.T) {
	fell := 0
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 5))
		tenant := graphtest.New(seed)
		for i := range 260 {
			tenant.AddUser(graphtest.NoActor, graphtest.UserSpec{
				Name: "Settler", Ancient: i == 0 && seed%2 == 0,
				Created: graphtest.Epoch.Add(-time.Duration(r.Int64N(int64(5 * 365 * 24 * time.Hour)))),
			})
		}
		tenant.Populate(20, 4)
		whole, parts := listen(t, tenant), listen(t, tenant)
		one, mixed := history(t), history(t)
		for week := range 5 {
			tenant.RandomOps(30)
			tenant.Advance(7 * 24 * time.Hour)
			tenant.RefreshIndex()
			if r.IntN(3) == 0 {
				tenant.FreezeIndex()
				tenant.RandomOps(3)
			}
			n := 0
			if week%3 > 0 || seed%2 > 0 {
				n = 2 + r.IntN(7)
			}
			parts.ClearFaults()
			kinds := slices.Concat(graphtest.FilterFaults, []graphtest.FaultKind{graphtest.FaultExpiredPageToken, graphtest.FaultOverlap, graphtest.FaultReset})
			if r.IntN(2) == 0 {
				parts.Inject(graphtest.Fault{
					Endpoint: graphtest.EndpointUsers, Page: graphtest.Page(r.IntN(3)), Skip: r.IntN(3),
					Kind: kinds[r.IntN(len(kinds))], Query: "$filter=createdDateTime",
				})
			}
			run(t, tenant, whole, one, 0)
			summary := run(t, tenant, parts, mixed, n)
			for _, w := range summary.Result.Warnings {
				if w.Code == "partitions" {
					fell++
					t.Logf("seed %d, week %d: %s", seed, week, w.Message)
				}
			}
			if diff := cmp.Diff(linesOf(t, one), linesOf(t, mixed)); diff != "" {
				t.Fatalf("seed %d, week %d, %d partitions (-one pass +partitions):\n%s", seed, week, n, diff)
			}
		}
	}
	if fell == 0 || fell > 20 {
		t.Errorf("%d reads in partitions fell back: the law was tried on one way only", fell)
	}
}

func listen(t *testing.T, tenant *graphtest.Tenant) *graphtest.Server {
	t.Helper()
	server := graphtest.NewServer(tenant, graphtest.WithVaryingPages())
	_, err := server.Start()
	must(t, err)
	t.Cleanup(func() { server.Close() })
	return server
}

func history(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "h.db"), migrations.Apply)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, tenant *graphtest.Tenant, server *graphtest.Server, db *store.DB, partitions int) *track.Summary {
	t.Helper()
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: func(string) string { return graphtest.DefaultToken }})
	must(t, err)
	client, err := graph.New(graph.Options{Endpoint: server.Root(), Credential: credential, Unpaced: true, PageSize: 40, Partitions: partitions})
	must(t, err)
	defer client.Close()
	summary, err := track.Run(t.Context(), client, db, track.Options{MaxShrink: 0.9, Version: "proof", Now: tenant.Now})
	must(t, err)
	return summary
}

// linesOf verifies a database, and returns its changes and assignments as lines of JSON
// without the row numbers.
func linesOf(t *testing.T, db *store.DB) []string {
	t.Helper()
	v, err := db.Verify(t.Context(), migrations.Apply, "")
	must(t, err)
	if len(v.Findings) > 0 {
		t.Fatalf("verify: %+v", v.Findings)
	}
	h, err := db.History(t.Context())
	must(t, err)
	defer h.Close()
	var lines []string
	add := func(v any) {
		text, err := json.Marshal(v)
		must(t, err)
		lines = append(lines, string(text))
	}
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		must(t, err)
		c.ID = 0 // in the order in which users came
		if c.Person != nil {
			c.Person.Row = 0
		}
		add(c)
	}
	for a, err := range h.Assignments(t.Context(), store.Filter{}) {
		must(t, err)
		add(a)
	}
	slices.SortFunc(lines, strings.Compare)
	return lines
}
