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
	return printTable(w, rows)
}

func (r *result) print(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%d users with %d service plans each, %g %% changed a week.\n%s, %d cores, %s/%s, %s.\n\n",
		r.Users, r.Plans, r.Share*100, m.CPU, m.Cores, m.OS, m.Arch, m.Go)
	for _, rows := range [][][]string{r.speed(), r.answers(), r.claims()} {
		if err := printTable(w, rows); err != nil {
			return err
		}
	}
	return nil
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
	for i, s := range append(runs, r.Quiet) {
		name := fmt.Sprintf("sync, week %d", i)
		switch i {
		case 0:
			name = "sync, first run"
		case len(runs):
			name = "sync, nothing changed"
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

func (r *result) claims() [][]string {
	rows := [][]string{{"CLAIM", "MEASURED", "WANTED", ""}}
	for _, c := range r.Ratios {
		bound, holds := "at least", "yes"
		if c.AtMost {
			bound = "at most"
		}
		if !c.holds(0) {
			holds = "NO"
		}
		rows = append(rows, []string{c.Name, round(c.Value, 2), fmt.Sprintf("%s %s", bound, round(c.Limit, 2)), holds})
	}
	return rows
}

func round(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }
