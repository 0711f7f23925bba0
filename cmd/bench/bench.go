package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// options say what to measure.
type options struct {
	Lictrail string // path of the program
	Tenant   string // plain, realistic or both

	Users  int
	Weeks  int     // weekly runs in which something changed, after the first
	Plans  int     // service plans a user
	Share  float64 // of the users, whose licenses change in a week
	Sample int     // users that the SDK's typed models are measured with
	Repeat int     // times that each question is asked; 0: 5
	Dir    string  // for the database
	Log    func(format string, args ...any)
}

// The kinds of tenant, see [graphtest.NewBig] and [graphtest.NewRealistic].
const (
	plain     = "plain"
	realistic = "realistic"
	both      = "both"
)

// report is what was measured of all tenants.
type report struct {
	Machine machine   `json:"machine"`
	Users   int       `json:"users"`
	Plans   int       `json:"plans_a_user"`
	Share   float64   `json:"changed_a_week"`
	Tenants []*result `json:"tenants"`
}

// result is what was measured of one tenant.
type result struct {
	Tenant  string    `json:"tenant"`
	Models  read      `json:"sdk_models"`
	Structs read      `json:"plain_structs"`
	Decoder read      `json:"lictrail_decoder"`
	Floor   float64   `json:"floor_users_a_second"` // that of plain structs
	First   syncRun   `json:"first_run"`
	Weeks   []syncRun `json:"weekly_runs"`
	Quiet   syncRun   `json:"quiet_run"`
	Queries []query   `json:"queries"`
	Other   []program `json:"commands"`
	All     syncRun   `json:"run_in_which_everybody_changed"`
	After   syncRun   `json:"run_after_it"`
	Ratios  []ratio   `json:"ratios"`
}

// read is a read of users that keeps nothing.
type read struct {
	Users       int     `json:"users"`
	Seconds     float64 `json:"seconds"` // without the start of the process
	PerSecond   float64 `json:"users_a_second"`
	AllocsAUser float64 `json:"allocations_a_user"`
	BytesAUser  float64 `json:"bytes_allocated_a_user"`
	usage
}

// syncRun is a run of sync, as a whole process.
type syncRun struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"users_a_second"`
	usage
	Database int64 `json:"database_bytes"`
	Added    int64 `json:"added_bytes"`
}

// query is a question, asked as a whole process: the median of some.
type query struct {
	Name         string  `json:"name"`
	Milliseconds float64 `json:"milliseconds"`
	Rows         int     `json:"rows"`
}

// program is a command, run once as a whole process.
type program struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	usage
}

// ratio is a claim that does not depend on the machine, or hardly.
type ratio struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	AtMost bool    `json:"at_most"` // else at least
	Wall   bool    `json:"wall"`    // of wall-clock times, which do not hold while the machine does other things
}

// holds reports whether the claim is met.
func (r ratio) holds() bool {
	if r.AtMost {
		return r.Value <= r.Limit
	}
	return r.Value >= r.Limit
}

// measureAll measures the tenants that are asked for, one after the other.
func measureAll(ctx context.Context, o options) (*report, error) {
	r := &report{Machine: thisMachine(), Users: o.Users, Plans: o.Plans, Share: o.Share}
	kinds := []string{o.Tenant}
	if o.Tenant == both {
		kinds = []string{plain, realistic}
	}
	for _, kind := range kinds {
		o.Tenant = kind
		o.Log("the %s tenant", kind)
		one, err := measure(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("%s tenant: %w", kind, err)
		}
		r.Tenants = append(r.Tenants, one)
	}
	return r, nil
}

// measure measures runs of sync, answers and other commands.
func measure(ctx context.Context, o options) (*result, error) {
	server, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	b := &bench{options: o, server: server, db: filepath.Join(o.Dir, o.Tenant+".db")}
	b.result.Tenant = o.Tenant
	for _, step := range []func(context.Context) error{b.runs, b.queries, b.commands, b.everybody, b.earlier} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	b.ratios()
	return &b.result, nil
}

type bench struct {
	options
	result
	server *server
	db     string
}

// runs measures the first run, between the yardsticks, then weekly ones and one in
// which nothing changed.
func (b *bench) runs(ctx context.Context) error {
	if err := b.first(ctx); err != nil {
		return err
	}
	for week := 1; week <= b.options.Weeks; week++ {
		b.Log("week %d of %d", week, b.options.Weeks)
		var s syncRun
		if err := b.sync(ctx, week, b.options.Share, &s); err != nil {
			return err
		}
		b.result.Weeks = append(b.result.Weeks, s)
	}
	b.Log("a week without a change")
	return b.sync(ctx, b.options.Weeks+1, 0, &b.Quiet)
}

// first measures the yardsticks before and after the first run, and takes the
// mean: a machine that slows down meanwhile, or gets faster, does so for both.
func (b *bench) first(ctx context.Context) error {
	yardsticks := []struct {
		kind  string
		limit int
		into  *read
	}{{"models", b.Sample, &b.Models}, {"structs", 0, &b.Structs}, {"decoder", 0, &b.Decoder}}
	for _, y := range yardsticks {
		b.Log("reading with %s", y.kind)
		if err := b.server.read(ctx, y.kind, y.limit, y.into); err != nil {
			return err
		}
	}
	b.Log("first run")
	if err := b.sync(ctx, 0, 0, &b.First); err != nil {
		return err
	}
	for _, y := range slices.Backward(yardsticks) {
		b.Log("reading with %s again", y.kind)
		var again read
		if err := b.server.read(ctx, y.kind, y.limit, &again); err != nil {
			return err
		}
		y.into.mean(again)
	}
	b.Floor = b.Structs.PerSecond
	return nil
}

// mean takes a second read of the same users into account.
func (r *read) mean(again read) {
	r.Seconds = (r.Seconds + again.Seconds) / 2
	r.PerSecond = float64(r.Users) / r.Seconds
	r.CPU = (r.CPU + again.CPU) / 2
	r.PeakMegabyte = max(r.PeakMegabyte, again.PeakMegabyte)
}

func (b *bench) sync(ctx context.Context, week int, share float64, into *syncRun) error {
	if err := b.server.week(week, share); err != nil {
		return err
	}
	before := size(b.db)
	start := time.Now()
	_, took, err := b.command(ctx, b.server.env(), "sync", "--db", b.db, "--auth", "token", "--graph-endpoint", b.server.url, "--quiet", "--format", "json")
	if err != nil {
		return fmt.Errorf("sync of week %d: %w", week, err)
	}
	into.Seconds = time.Since(start).Seconds()
	into.PerSecond = float64(b.options.Users) / into.Seconds
	into.usage = took
	into.Database = size(b.db)
	into.Added = into.Database - before
	return nil
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
