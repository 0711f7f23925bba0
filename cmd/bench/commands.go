package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names of commands whose figures are claims.
const (
	verifying = "verify"
	backingUp = "backup"
	importing = "import"
)

// asWorkbook is left out where the tenant has more assignments than a sheet has rows,
// which are 1,048,576.
const (
	asWorkbook    = "assignments, xlsx"
	workbookUsers = 450_000
)

// commands measures what goes through everybody's rows.
func (b *bench) commands(ctx context.Context) error {
	out := func(name string) string { return filepath.Join(b.Dir, b.result.Tenant+"-"+name) }
	for _, c := range []struct {
		name string
		args []string
	}{
		{"report", []string{"report", "--output", out("report.html")}},
		{"reclaim", []string{"reclaim", "--output", out("reclaim.txt")}},
		{"watch", []string{"watch", "--plan", "M365_ADVANCED_AUDITING", "--output", out("watch.txt")}},
		{"seat-days --by user", []string{"seat-days", "--by", "user", "--output", out("seat-days.txt")}},
		{"assignments", []string{"assignments", "--output", out("assignments.txt")}},
		{asWorkbook, []string{"assignments", "--format", "xlsx", "--output", out("assignments.xlsx")}},
		{verifying, []string{"verify"}},
		{backingUp, []string{"backup", out("backup.db")}},
	} {
		if c.name == asWorkbook && b.options.Users > workbookUsers {
			continue
		}
		if err := b.program(ctx, c.name, c.args...); err != nil {
			return err
		}
	}
	return nil
}

// program runs a command once and keeps what it used.
func (b *bench) program(ctx context.Context, name string, args ...string) error {
	b.Log("lictrail %s", name)
	start := time.Now()
	_, took, err := b.command(ctx, nil, append(args, "--db", b.db)...)
	if err != nil {
		return fmt.Errorf("measure %s: %w", name, err)
	}
	b.Other = append(b.Other, program{name, time.Since(start).Seconds(), took})
	return nil
}

// everybody measures a run in which every user's licenses changed, and the run
// after it.
func (b *bench) everybody(ctx context.Context) error {
	b.Log("a week in which everybody changes, and the week after it")
	if err := b.sync(ctx, b.options.Weeks+2, 1, &b.All); err != nil {
		return err
	}
	return b.sync(ctx, b.options.Weeks+3, 0, &b.After)
}

// earlierRows is how many earlier records are imported.
const earlierRows = 100_000

// earlier measures an import of earlier records, several about a user where there are
// fewer users.
func (b *bench) earlier(ctx context.Context) error {
	path := filepath.Join(b.Dir, b.result.Tenant+"-earlier.csv")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "UserPrincipalName,SKU,Assigned")
	for i := range earlierRows {
		fmt.Fprintf(w, "user%d@contoso.example,SPE_E5,%s\n", i%b.options.Users, time.Date(2024, 4, 1+i%90, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return b.program(ctx, importing, "import", path, "--quiet")
}
