package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable writes rows in columns; the first row has the heads.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	fmt.Fprintln(t)
	return t.Flush() // with the first error of the lines above
}

func (a *archive) print(w io.Writer) error {
	m := a.Machine
	fmt.Fprintf(w, "%d audit records in a file of %.0f MB, about %d users. %s, %d cores, %s/%s, %s.\n%d taken, %d repeated; the database has %.0f MB.\n\n",
		a.Records, a.Megabytes, a.Users, m.CPU, m.Cores, m.OS, m.Arch, m.Go, a.Taken, a.Repeated, a.Database)
	rows := [][]string{{"IMPORT", "RECORDS/S", "SECONDS", "CPU SECONDS", "PEAK MB"}}
	for _, x := range []struct {
		name string
		timing
	}{{"dry run", a.DryRun}, {"with what it shows of the past", a.Import}, {"the same file again", a.Again}} {
		rows = append(rows, []string{x.name, round(x.PerSecond, 0), round(x.Seconds, 1), round(x.CPU, 1), round(x.PeakMegabyte, 0)})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	return printTable(w, [][]string{{"ANSWER", "ROWS", "MS", "WANTED"}, {a.Search.Name, fmt.Sprint(a.Search.Rows), round(a.Search.Milliseconds, 1), "at most 200"}})
}

func (r *report) print(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%d users with %d service plans each, %g %% changed a week.\n%s, %d cores, %s/%s, %s.\n\n",
		r.Users, r.Plans, r.Share*100, m.CPU, m.Cores, m.OS, m.Arch, m.Go)
	for _, t := range r.Tenants {
		fmt.Fprintf(w, "The %s tenant\n\n", t.Tenant)
		for _, rows := range [][][]string{t.speed(), t.answers(), t.programs()} {
			if err := printTable(w, rows); err != nil {
				return err
			}
		}
	}
	return printTable(w, r.claims())
}

func (r *result) speed() [][]string {
	rows := [][]string{{"READ", "USERS/S", "SECONDS", "CPU SECONDS", "PEAK MB", "ALLOCATIONS/USER", "DATABASE GREW BY"}}
	for _, x := range []struct {
		name string
		read
	}{{"SDK's typed models, nothing kept", r.Models}, {"plain structs, nothing kept", r.Structs}, {"lictrail's decoder, nothing kept", r.Decoder}} {
		rows = append(rows, []string{x.name, round(x.PerSecond, 0), round(x.Seconds, 2), round(x.CPU, 2), round(x.PeakMegabyte, 0), round(x.AllocsAUser, 0)})
	}
	runs := append([]syncRun{r.First}, r.Weeks...)
	for i, s := range append(runs, r.Quiet, r.All, r.After) {
		name := fmt.Sprintf("sync, week %d", i)
		switch i {
		case 0:
			name = "sync, first run"
		case len(runs):
			name = "sync, nothing changed"
		case len(runs) + 1:
			name = "sync, everybody changed"
		case len(runs) + 2:
			name = "sync, the run after it"
		}
		rows = append(rows, []string{name, round(s.PerSecond, 0), round(s.Seconds, 2), round(s.CPU, 2), round(s.PeakMegabyte, 0), "", fmt.Sprintf("%.1f KB", float64(s.Added)/1024)})
	}
	return rows
}

func (r *result) answers() [][]string {
	rows := [][]string{{"ANSWER", "ROWS", "MS", "ROWS/S"}}
	for _, q := range r.Queries {
		rows = append(rows, []string{q.Name, fmt.Sprint(q.Rows), round(q.Milliseconds, 1), round(float64(q.Rows)/q.Milliseconds*1000, 0)})
	}
	return rows
}

func (r *result) programs() [][]string {
	rows := [][]string{{"COMMAND", "SECONDS", "CPU SECONDS", "PEAK MB"}}
	for _, c := range r.Other {
		rows = append(rows, []string{c.Name, round(c.Seconds, 2), round(c.CPU, 2), round(c.PeakMegabyte, 0)})
	}
	return rows
}

// claims is a table of all claims, with a pair of columns for each tenant.
func (r *report) claims() [][]string {
	rows := [][]string{{"CLAIM, BY CPU TIME"}}
	for i, t := range r.Tenants {
		rows[0] = append(rows[0], strings.ToUpper(t.Tenant), "WANTED", "")
		for j, c := range t.Ratios {
			if i == 0 {
				rows = append(rows, []string{c.Name})
			}
			bound, holds := "at least", "yes"
			if c.AtMost {
				bound = "at most"
			}
			if !c.holds() {
				holds = "NO"
			}
			rows[j+1] = append(rows[j+1], round(c.Value, 2), fmt.Sprintf("%s %s", bound, round(c.Limit, 2)), holds)
		}
	}
	return rows
}

func round(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }
