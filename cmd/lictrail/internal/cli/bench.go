package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/bench"
	"lictrail/cmd/lictrail/internal/out"
)

func newBench(e *env) *cobra.Command {
	o := bench.Options{Plans: 60}
	var records int
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure sync against a simulated tenant of any size",
		Long: `Simulates a tenant in a process of its own, on this machine, and measures sync
against it: users a second beside the two ways one would try first (the SDK's
typed models, and plain structs that are thrown away), memory, the bytes of the
database, and how long answers take. Figures are those of whole processes.
Absolute ones are this machine's, the ratios hardly so.`,
		Example: `  lictrail bench
  lictrail bench --users 100000 --weeks 52 --format json
  lictrail bench --audit-records 1000000`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if records > 0 {
				return runBenchArchive(cmd.Context(), e, o, records)
			}
			return runBench(cmd.Context(), e, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Users, "users", 20_000, "`number` of users")
	f.IntVar(&o.Weeks, "weeks", 3, "`number` of weekly runs in which licenses changed, after the first")
	f.Float64Var(&o.Share, "changed", 0.01, "the `share` of users whose licenses change in a week")
	f.IntVar(&records, "audit-records", 0, "measure an import of this `number` of audit records instead")
	f.IntVar(&o.Sample, "sample", 5_000, "`number` of users to measure the SDK's typed models with")
	return cmd
}

func runBench(ctx context.Context, e *env, o bench.Options) error {
	if o.Users < 1 || o.Weeks < 0 || o.Sample < 1 || !(o.Share >= 0 && o.Share <= 1) {
		return usage("--users, --weeks, --sample and --changed must make sense", "lictrail bench --users 20000 --weeks 3")
	}
	if e.format == "csv" {
		return usage("bench prints text or JSON", "lictrail bench --format json")
	}
	dir, err := os.MkdirTemp("", "lictrail-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	defer os.RemoveAll(dir)
	o.Dir, o.Log = dir, e.Notef
	r, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	if e.format == "json" {
		text, err := r.JSON()
		if err != nil {
			return err
		}
		return e.Printf("%s\n", text)
	}
	return printBench(e, r)
}

// runBenchArchive measures an import of audit records.
func runBenchArchive(ctx context.Context, e *env, o bench.Options, records int) error {
	dir, err := os.MkdirTemp("", "lictrail-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	defer os.RemoveAll(dir)
	o.Dir, o.Log = dir, e.Notef
	a, err := bench.ImportRecords(ctx, o, records)
	if err != nil {
		return err
	}
	if e.format == "json" {
		return json.NewEncoder(e.Out).Encode(a)
	}
	m := a.Machine
	if err := e.Printf("%d audit records in a file of %.0f MB, about %d users. %s, %d cores, %s/%s, %s.\n%d taken, %d repeated; the database has %.0f MB.\n\n",
		a.Records, a.Megabytes, a.Users, m.CPU, m.Cores, m.OS, m.Arch, m.Go, a.Taken, a.Repeated, a.Database); err != nil {
		return err
	}
	table := out.NewTable(out.Column{Head: "IMPORT"}, out.Column{Head: "RECORDS/S"}, out.Column{Head: "SECONDS"}, out.Column{Head: "CPU SECONDS"}, out.Column{Head: "PEAK MB"})
	for _, x := range []struct {
		name string
		bench.Timing
	}{{"dry run", a.DryRun}, {"with what it tells of the past", a.Import}, {"the same file again", a.Again}} {
		table.Row(x.name, round(x.PerSecond, 0), round(x.Seconds, 1), round(x.CPU, 1), round(x.PeakMegabyte, 0))
	}
	return table.Print(e.Streams)
}

func printBench(e *env, r *bench.Result) error {
	m := r.Machine
	err := e.Printf("%d users with %d service plans each, %g %% changed a week.\n%s, %d cores, %s/%s, %s.\n\n",
		r.Users, r.Plans, r.Share*100, m.CPU, m.Cores, m.OS, m.Arch, m.Go)
	if err != nil {
		return err
	}
	speed := out.NewTable(out.Column{Head: "READ"}, out.Column{Head: "USERS/S"}, out.Column{Head: "SECONDS"}, out.Column{Head: "CPU SECONDS"},
		out.Column{Head: "PEAK MB"}, out.Column{Head: "ALLOCATIONS/USER"}, out.Column{Head: "DATABASE GREW BY"})
	for _, x := range []struct {
		name string
		bench.Read
	}{{"SDK's typed models, nothing kept", r.Models}, {"plain structs, nothing kept", r.Structs}, {"lictrail's decoder, nothing kept", r.Decoder}} {
		speed.Row(x.name, round(x.PerSecond, 0), round(x.Seconds, 2), round(x.CPU, 2), round(x.PeakMegabyte, 0), round(x.AllocsAUser, 0), nil)
	}
	runs := append([]bench.Sync{r.First}, r.Weeks...)
	for i, s := range append(runs, r.Quiet) {
		name := fmt.Sprintf("sync, week %d", i)
		switch i {
		case 0:
			name = "sync, first run"
		case len(runs):
			name = "sync, nothing changed"
		}
		speed.Row(name, round(s.PerSecond, 0), round(s.Seconds, 2), round(s.CPU, 2), round(s.PeakMegabyte, 0), nil, fmt.Sprintf("%.1f KB", float64(s.Added)/1024))
	}
	answers := out.NewTable(out.Column{Head: "ANSWER"}, out.Column{Head: "ROWS"}, out.Column{Head: "MS"}, out.Column{Head: "ROWS/S"})
	for _, q := range r.Queries {
		answers.Row(q.Name, q.Rows, round(q.Milliseconds, 1), round(float64(q.Rows)/q.Milliseconds*1000, 0))
	}
	claims := out.NewTable(out.Column{Head: "CLAIM"}, out.Column{Head: "MEASURED"}, out.Column{Head: "WANTED"}, out.Column{Head: ""})
	for _, c := range r.Ratios {
		word, holds := "at least", "yes"
		if c.AtMost {
			word = "at most"
		}
		if !c.Holds(0) {
			holds = "NO"
		}
		claims.Row(c.Name, round(c.Value, 2), fmt.Sprintf("%s %s", word, round(c.Limit, 2)), holds)
	}
	for _, t := range []*out.Table{speed, answers, claims} {
		if err := t.Print(e.Streams); err != nil {
			return err
		}
		if err := e.Printf("\n"); err != nil {
			return err
		}
	}
	return nil
}

func round(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }

// newBenchServer is what bench starts: the simulated tenant, or one yardstick.
func newBenchServer(e *env) *cobra.Command {
	var users, plans, limit int
	var kind, url string
	cmd := &cobra.Command{
		Use:    "bench-server",
		Short:  "The simulated tenant of bench, or with --read a yardstick",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind == "" {
				return bench.Serve(e.In, e.Out, users, plans)
			}
			r, err := bench.Measure(cmd.Context(), url, kind, limit)
			if err != nil {
				return err
			}
			return json.NewEncoder(e.Out).Encode(r)
		},
	}
	f := cmd.Flags()
	f.IntVar(&users, "users", 1000, "`number` of users")
	f.IntVar(&plans, "plans", 60, "`number` of service plans a user")
	f.StringVar(&kind, "read", "", "the `kind` of yardstick")
	f.StringVar(&url, "url", "", "`URL` of the simulated tenant")
	f.IntVar(&limit, "limit", 0, "read so many `users`; 0: all")
	return cmd
}
