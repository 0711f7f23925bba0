package ask_test

import (
	"path/filepath"
	"testing"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// synced reads a tenant and its audit log so many times, with what happens before and
// after each run, and returns the database.
func synced(t *testing.T, tenant *graphtest.Tenant, runs int, before, after func()) string {
	t.Helper()
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	reader, err := connect.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := store.OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	for range runs {
		before()
		if _, err := track.Run(t.Context(), reader, db, track.Options{MaxShrink: 1, Version: "test", Now: tenant.Now, Audit: reader}); err != nil {
			t.Fatal(err)
		}
		after()
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
