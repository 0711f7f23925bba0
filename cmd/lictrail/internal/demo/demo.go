// Package demo plays a small made-up tenant through weekly runs, over a real local
// HTTP endpoint, through the real client and into a real database.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// tenantName marks a database that a demo may replace.
const tenantName = "Contoso (demo)"

// Clear takes away the database of an earlier demo, and nothing else.
func Clear(ctx context.Context, path string) error {
	db, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if errors.Is(err, store.ErrNoDatabase) {
		return nil
	}
	if err != nil {
		return err
	}
	tenant, ok, err := db.Tenant(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if ok && tenant.Name != tenantName {
		return exit.Usage(fmt.Sprintf("%q is the history of a real tenant; the demo does not touch it", path), "name another file with --db")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the database of the demo before: %w", err)
		}
	}
	return nil
}

// Play lives through the weeks, with a run each Monday that is recorded in a
// database, and calls week after each.
func (d *Scenario) Play(ctx context.Context, path, version string, week func(what string, s *track.Summary) error) error {
	d.settle()
	db, err := store.OpenReadWrite(ctx, path, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := writeRules(path); err != nil { // the folder is there now
		return err
	}
	monday := time.Date(2026, 2, 23, 6, 0, 0, 0, time.UTC)
	for i, w := range d.weeks() {
		d.AdvanceTo(monday.AddDate(0, 0, 7*i-5)) // Wednesday before, same hour
		d.work()
		d.AdvanceTo(monday.AddDate(0, 0, 7*i-3)) // Friday
		w.do()
		if d.err != nil {
			return fmt.Errorf("play the made-up tenant: %w", d.err)
		}
		d.AdvanceTo(monday.AddDate(0, 0, 7*i))
		summary, err := track.Run(ctx, d.reader, db, track.Options{
			Audit: d.reader, Activity: snapshot.ActivitySources, ActivityReader: d.reader, MaxShrink: 0.2, Version: version, Now: d.Now,
		})
		if err != nil {
			return err
		}
		if err := week(w.what, summary); err != nil {
			return err
		}
	}
	return nil
}

// ruleText are the rules and prices of the made-up tenant.
//
//go:embed rules.toml
var ruleText []byte

// writeRules puts the rules beside the database, where commands find them, unless
// there are some already.
func writeRules(path string) error {
	f, err := os.OpenFile(rules.Own(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = f.Write(ruleText)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the prices of the demo: %w", err)
	}
	return nil
}
