package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
)

func newBackup(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the history to a new file, and verify the copy",
		Long: `Copies the current history to a new file that only you can read, and verifies
the copy completely before it gets its name. A run may be active at the same
time. It never replaces a file. With --all-tenants it takes a folder, and writes
a file for each tenant of the configuration, named after the tenant.

To restore, verify the backup with the head of its time, then replace the
database by it while no lictrail runs; remove FILE-wal and FILE-shm of the old
database as well:

  lictrail verify --db FILE --head HEAD
  rm -f lictrail.db lictrail.db-wal lictrail.db-shm
  cp FILE lictrail.db`,
		Example: `  lictrail backup /backup/lictrail-2026-03-01.db
  lictrail backup --all-tenants /backup/2026-03-01`,
		Args: argsBetween(1, 1, "the name of a new file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runBackup(cmd.Context(), e, args[0]) },
	}
}

func runBackup(ctx context.Context, e *env, path string) error {
	defer collectLazily(e.getenv)()
	if err := e.notOwn(place{"the backup", path}); err != nil {
		return err
	}
	if err := out.TryFile(path); err != nil { // copying may take long
		return err
	}
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	var checked *show.Verification
	err = db.Backup(ctx, path, func(copied string) error {
		checked, err = verifyCopy(ctx, copied)
		return err
	})
	if err != nil {
		return err
	}
	return e.Printf("%s: %s, verified.\nHead %s\n", path, show.Plural(checked.Runs, "run"), checked.Head)
}

func verifyCopy(ctx context.Context, path string) (*show.Verification, error) {
	db, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r, err := verify(ctx, db, "")
	if err != nil {
		return nil, err
	}
	if found := r.Everything(); len(found) > 0 {
		return nil, fmt.Errorf("%w: %s: %s", engine.ErrDamaged, found[0].Check, found[0].What)
	}
	return r, nil
}
