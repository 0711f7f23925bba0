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

	Users  int
	Weeks  int     // weekly runs in which something changed, after the first
	Plans  int     // service plans a user
	Share  float64 // of the users, whose licenses change in a week
	Sample int     // users that the SDK's typed models are measured with
	Repeat int     // times that each question is asked; 0: 5
	Dir    string  // for the database
	Log    func(format string, args ...any)
}

// result is what was measured.
type result struct {
	Machine machine   `json:"machine"`
	Users   int       `json:"users"`
	Plans   int       `json:"plans_a_user"`
	Share   float64   `json:"changed_a_week"`
	Models  read      `json:"sdk_models"`
	Structs read      `json:"plain_structs"`
	Decoder read      `json:"lictrail_decoder"`
	Floor   float64   `json:"floor_users_a_second"` // the faster of the two before
	First   syncRun   `json:"first_run"`
	Weeks   []syncRun `json:"weekly_runs"`
	Quiet   syncRun   `json:"quiet_run"`
	Queries []query   `json:"queries"`
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

// ratio is a claim that does not depend on the machine, or hardly.
type ratio struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	AtMost bool    `json:"at_most"` // else at least
	Wall   bool    `json:"wall"`    // of wall-clock times, which do not hold while the machine does other things
}

// holds reports whether the claim is met, with so much slack: 0.2 forgives a
// fifth.
func (r ratio) holds(slack float64) bool {
	if r.AtMost {
		return r.Value <= r.Limit*(1+slack)
	}
	return r.Value >= r.Limit*(1-slack)
}

// measure measures runs of sync and answers.
func measure(ctx context.Context, o options) (*result, error) {
	server, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	b := &bench{options: o, server: server, db: filepath.Join(o.Dir, "bench.db")}
	b.Machine = thisMachine()
	b.result.Users, b.result.Plans, b.result.Share = o.Users, o.Plans, o.Share
	for _, step := range []func(context.Context) error{b.runs, b.queries} {
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
	b.Floor = max(b.Structs.PerSecond, b.Decoder.PerSecond)
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

// ratios states the claims. Memory and bytes depend on the size of the tenant
// only, and are claims too.
func (b *bench) ratios() {
	users := float64(b.options.Users)
	least := func(name string, value, limit float64, wall bool) {
		b.Ratios = append(b.Ratios, ratio{Name: name, Value: value, Limit: limit, Wall: wall})
	}
	most := func(name string, value, limit float64) {
		b.Ratios = append(b.Ratios, ratio{Name: name, Value: value, Limit: limit, AtMost: true})
	}
	floorCPU := min(b.Structs.CPU, b.Decoder.CPU)
	least("first run / SDK's typed models", b.First.PerSecond/b.Models.PerSecond, 8, true)
	least("the same, by CPU time", b.Models.CPU/float64(b.Models.Users)/(b.First.CPU/users), 8, false)
	least("first run / floor", b.First.PerSecond/b.Floor, 0.6, true)
	least("the same, by CPU time", floorCPU/b.First.CPU, 0.4, false)
	peak := max(b.First.PeakMegabyte, b.Quiet.PeakMegabyte)
	if n := len(b.result.Weeks); n > 0 {
		var speed, added float64
		for _, w := range b.result.Weeks {
			speed += w.PerSecond / float64(n)
			added += float64(w.Added) / float64(n)
			peak = max(peak, w.PeakMegabyte)
		}
		least("weekly run / floor", speed/b.Floor, 0.75, true)
		most("KB a week for 100,000 users", added/1e3/users*1e5, 1000*b.options.Share/0.01)
	}
	most("bytes a user after the first run", float64(b.First.Database)/users, 250)
	most("KB of a week without a change", float64(b.Quiet.Added)/1024, 16)
	most("peak memory of sync, MB", peak, peakLimit(b.options.Users))
}

// peakLimit is 150 MB up to 100,000 users and 400 MB at 1,000,000.
func peakLimit(users int) float64 {
	return 150 + 250*max(0, float64(users-100_000))/900_000
}
