// Command madeup makes the databases of many simulated tenants, and a file of
// settings that names them, so that what reads a fleet can be tried and measured.
// It is for maintainers, and no part of lictrail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type options struct {
	dir                                            string
	tenants, weeks, from, users, groups, ops, jobs int
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "the folder of the databases")
	flag.IntVar(&o.tenants, "tenants", 4, "how many tenants")
	flag.IntVar(&o.weeks, "weeks", 26, "how many weekly runs of each")
	flag.IntVar(&o.from, "from", 0, "go on after so many runs: what was done before is done again, and not recorded again")
	flag.IntVar(&o.users, "users", 30, "how many users each begins with")
	flag.IntVar(&o.groups, "groups", 3, "how many groups each begins with")
	flag.IntVar(&o.ops, "ops", 8, "how many operations there are in a week")
	flag.IntVar(&o.jobs, "jobs", 2, "how many tenants at a time")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "madeup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		return errors.New("-dir is needed")
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	var all sync.WaitGroup
	failed := make([]error, o.tenants)
	slots := make(chan struct{}, max(1, o.jobs))
	for i := range o.tenants {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			failed[i] = o.tenant(ctx, i)
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	var b strings.Builder
	for i := range o.tenants {
		fmt.Fprintf(&b, "[[tenant]]\nname = %q\ndb = %q\n\n", name(i), name(i)+".db")
	}
	return os.WriteFile(filepath.Join(o.dir, "fleet.toml"), []byte(b.String()), 0o600)
}

func name(i int) string { return fmt.Sprintf("t%04d", i) }

// tenant plays one tenant through its weeks.
func (o options) tenant(ctx context.Context, i int) error {
	tenant := graphtest.New(uint64(1000 + i))
	tenant.Name = fmt.Sprintf("Simulated %d", i)
	tenant.Pace = 18 * time.Hour / time.Duration(max(1, o.ops))
	tenant.Populate(o.users, o.groups)
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	reader, err := connect.SimulatedReader(base)
	if err != nil {
		return err
	}
	defer reader.Close()
	db, err := store.OpenReadWrite(ctx, filepath.Join(o.dir, name(i)+".db"), migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	random := rand.New(rand.NewPCG(7, uint64(i)))
	start := tenant.Now()
	for week := range o.weeks {
		tenant.RandomOps(o.ops)
		use(tenant, random, week)
		tenant.AdvanceTo(start.AddDate(0, 0, 7*(week+1)))
		options := track.Options{Audit: reader, MaxShrink: 0.2, AcceptShrink: true, Version: "madeup", Now: tenant.Now,
			Activity: []snapshot.ActivitySource{snapshot.SignIns, snapshot.ActiveUsers}, ActivityReader: reader}
		if week%13 == 1 {
			if err := tenant.Renew(e3, o.users+week, tenant.Now().AddDate(0, 0, 120+i%30)); err != nil {
				return err
			}
		}
		if week%30 == 29 {
			_, _ = tenant.LapseSubscription(visio) // it may have gone
		}
		if week < o.from {
			continue
		}
		if week%9 == 8 {
			options.Audit = nil // what is not explained now is corrected by the next run
		}
		if i%8 == 7 {
			options.Activity = nil // some tenants never read it
		}
		if _, err := track.Run(ctx, reader, db, options); err != nil {
			return fmt.Errorf("tenant %d, week %d: %w", i, week, err)
		}
	}
	return nil
}

// The SKUs whose subscriptions are renewed, and lapse.
const (
	e3    = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	visio = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
)

// use lets users work: most every week, some now and then, some never.
func use(tenant *graphtest.Tenant, random *rand.Rand, week int) {
	for _, id := range tenant.UserIDs() {
		switch lazy := id[0] % 8; { // ids are random
		case lazy == 0, lazy == 1 && week%20 != 0, random.IntN(4) == 0:
			continue
		}
		tenant.SignIn(id, random.IntN(20) > 0)
		if random.IntN(3) > 0 {
			tenant.Use(id, []string{graphtest.Teams, graphtest.Exchange}[random.IntN(2)])
		}
	}
}
