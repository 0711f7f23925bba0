// Command bench measures lictrail against a simulated tenant of any size: users
// per second beside two yardsticks, memory, the bytes of the database, and the
// time that answers take. Every measured step is a process of its own, so that
// a figure is that of the program a user runs. It is a program apart because the
// yardstick with the SDK's typed models would double the size of lictrail. It
// never reads a real tenant.
//
//	go run ./cmd/bench -users 100000 -weeks 52
//	go run ./cmd/bench -users 20000 -audit-records 1000000
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"

	"lictrail/graph/graphtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Subcommands by which bench starts itself, see [child].
const (
	serveCommand = "serve" // the simulated tenant
	readCommand  = "read"  // one yardstick
)

func run(ctx context.Context, args []string, in io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case serveCommand:
			return runServe(args[1:], in, stdout)
		case readCommand:
			return runRead(ctx, args[1:], stdout)
		}
	}
	o := options{Plans: 60, Log: func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Lictrail, "lictrail", "", "the `program` to measure; without it ./cmd/lictrail is built, which needs Go and the sources")
	f.StringVar(&o.Dir, "dir", "", "an empty `folder` that keeps the database; without it a temporary one")
	f.IntVar(&o.Users, "users", 20_000, "`number` of users")
	f.IntVar(&o.Weeks, "weeks", 3, "`number` of weekly runs in which licenses changed, after the first")
	f.StringVar(&o.Tenant, "tenant", both, "the `kind` of tenant: plain, realistic or both")
	f.Float64Var(&o.Share, "changed", 0.01, "the `share` of users whose licenses change in a week")
	f.IntVar(&o.Sample, "sample", 5_000, "`number` of users to measure the SDK's typed models with")
	records := f.Int("audit-records", 0, "measure an import of this `number` of audit records instead")
	asJSON := f.Bool("json", false, "write the figures as JSON")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if f.NArg() > 0 || o.Users < 1 || o.Weeks < 0 || o.Sample < 1 || !(o.Share >= 0 && o.Share <= 1) || *records < 0 {
		return errors.New("-users and -sample must be at least 1, -weeks and -audit-records at least 0, -changed between 0 and 1, and there are no arguments")
	}
	if !slices.Contains([]string{plain, realistic, both}, o.Tenant) {
		return errors.New("-tenant is plain, realistic or both")
	}
	cleanUp, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	defer cleanUp()
	if *records > 0 {
		a, err := importRecords(ctx, o, *records)
		if err != nil {
			return err
		}
		return show(stdout, *asJSON, a)
	}
	r, err := measureAll(ctx, o)
	if err != nil {
		return err
	}
	return show(stdout, *asJSON, r)
}

// show writes figures as JSON or as text.
func show(w io.Writer, asJSON bool, figures interface{ print(io.Writer) error }) error {
	if !asJSON {
		return figures.print(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(figures)
}

// prepare makes the folder and builds the program, unless both were given.
func (o *options) prepare(ctx context.Context) (cleanUp func(), err error) {
	temp, err := os.MkdirTemp("", "lictrail-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the database: %w", err)
	}
	cleanUp = func() { os.RemoveAll(temp) }
	if o.Dir == "" {
		o.Dir = temp
	}
	if o.Lictrail == "" {
		o.Log("building lictrail")
		o.Lictrail, err = build(ctx, temp)
	}
	if err == nil {
		o.Lictrail, err = filepath.Abs(o.Lictrail)
	}
	if err != nil {
		cleanUp()
		return nil, err
	}
	return cleanUp, nil
}

// build builds lictrail, without symbols as releases are, and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", dir+string(filepath.Separator), "lictrail/cmd/lictrail")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build lictrail: %w\n%s", err, text)
	}
	found, err := filepath.Glob(filepath.Join(dir, "lictrail*")) // with .exe on Windows
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("build lictrail: %d programs in %s", len(found), dir)
	}
	return found[0], nil
}

func runServe(args []string, in io.Reader, stdout io.Writer) error {
	f := flag.NewFlagSet(serveCommand, flag.ContinueOnError)
	users := f.Int("users", 1000, "`number` of users")
	plans := f.Int("plans", 60, "`number` of service plans per user")
	kind := f.String("tenant", plain, "plain or realistic")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *kind == realistic {
		return serve(in, stdout, graphtest.NewRealistic(1, *users, *plans))
	}
	return serve(in, stdout, graphtest.NewBig(1, *users, *plans))
}

func runRead(ctx context.Context, args []string, stdout io.Writer) error {
	f := flag.NewFlagSet(readCommand, flag.ContinueOnError)
	kind := f.String("kind", "", "models, structs or decoder")
	url := f.String("url", "", "`URL` of the simulated tenant")
	limit := f.Int("limit", 0, "read so many `users`; 0: all")
	if err := f.Parse(args); err != nil {
		return err
	}
	r, err := timeRead(ctx, *url, *kind, *limit)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(r)
}
