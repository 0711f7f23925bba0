package doctor

import (
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
)

type permissionJSON struct {
	Application string  `json:"application"`
	Delegated   string  `json:"delegated"`
	Instead     *string `json:"instead"`
}

// DoctorJSON is a check as JSON has it.
type DoctorJSON struct {
	Check      string          `json:"check"`
	Status     string          `json:"status"`
	Found      string          `json:"found"`
	Fix        *string         `json:"fix"`
	Paste      []string        `json:"paste"`
	Permission *permissionJSON `json:"permission"`
	ExitCode   *int            `json:"exit_code"`
}

func checkJSON(c *Check) DoctorJSON {
	j := DoctorJSON{Check: c.Name, Status: c.Status, Found: c.Found, Fix: show.OrNull(c.Fix), Paste: c.Paste, ExitCode: c.ExitCode()}
	if j.Paste == nil {
		j.Paste = []string{}
	}
	if p := c.Permission; p != nil {
		j.Permission = &permissionJSON{p.Application, p.Delegated, show.OrNull(p.Alternative)}
	}
	return j
}

// Print prints the checks, what to do about them, and whether sync would work.
func (r *Report) Print(to show.Printer, offline bool) error {
	styles := map[string]out.Style{OK: out.Green, Warning: out.Yellow, Failed: out.Red, Skipped: out.Dim}
	type row = *Check
	application := func(get func(*graph.Permission) string) func(row) any {
		return func(c row) any {
			if c.Permission == nil {
				return nil
			}
			return get(c.Permission)
		}
	}
	err := show.Listing[row]{
		JSON: func(c row) any { return checkJSON(c) },
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "CHECK"}, CSV: "check", Text: func(c row) any { return c.Name }},
			{Column: out.Column{Head: "STATUS"}, CSV: "status", Text: func(c row) any { return out.Cell{Value: c.Status, Style: styles[c.Status]} },
				Cell: func(c row) any { return c.Status }},
			{Column: out.Column{Head: "FOUND", Min: 30, Wrap: true}, CSV: "found", Text: func(c row) any { return c.Found }},
			{CSV: "fix", Cell: func(c row) any { return c.Fix }},
			{CSV: "paste", Cell: func(c row) any { return strings.Join(c.Paste, "\n") }},
			{CSV: "application_permission", Cell: application(func(p *graph.Permission) string { return p.Application })},
			{CSV: "delegated_permission", Cell: application(func(p *graph.Permission) string { return p.Delegated })},
			{CSV: "exit_code", Cell: func(c row) any {
				if code := c.ExitCode(); code != nil {
					return *code
				}
				return nil
			}},
		},
	}.Print(to, show.Each(r.Checks))
	if err != nil || to.Format != "text" {
		return err
	}
	return printFixes(to, r, offline)
}

// printFixes says what to do, once for all the checks that need the same.
func printFixes(p show.Printer, r *Report, offline bool) error {
	printed := map[string]bool{}
	for _, c := range r.Checks {
		if c.Fix == "" || printed[c.Fix] {
			continue
		}
		var about []string
		var paste []string
		for _, other := range r.Checks {
			if other.Fix == c.Fix {
				about = append(about, other.Name)
				for _, line := range other.Paste {
					if !slices.Contains(paste, line) {
						paste = append(paste, line)
					}
				}
			}
		}
		printed[c.Fix] = true
		if err := p.Printf("\n"); err != nil {
			return err
		}
		if err := p.Paragraph(strings.Join(about, ", ") + ": " + c.Fix); err != nil {
			return err
		}
		for _, line := range paste {
			if err := p.Printf("  %s\n", line); err != nil {
				return err
			}
		}
	}
	return printVerdict(p, r, offline)
}

// printVerdict ends the report of a doctor who found nothing that keeps sync from
// working; what does is the error of the command.
func printVerdict(p show.Printer, r *Report, offline bool) error {
	warnings := 0
	for _, c := range r.Checks {
		if c.Err != nil {
			return nil
		}
		if c.Status == Warning {
			warnings++
		}
	}
	what := "sync would work"
	if offline {
		what = "Nothing on this machine keeps sync from working"
	}
	if warnings > 0 {
		what += "; " + out.Plural(warnings, "warning")
	}
	return p.Printf("\n%s.\n", what)
}
