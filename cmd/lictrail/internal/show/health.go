package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// HealthJSON is the condition of the history of one tenant of a fleet.
type HealthJSON struct {
	Name         string   `json:"name"`
	Condition    string   `json:"condition"`
	ExitCode     int      `json:"exit_code"`
	Why          *string  `json:"why"`
	Tenant       *string  `json:"tenant"`
	TenantName   *string  `json:"tenant_name"`
	LastRun      *int64   `json:"last_run"`
	LastStatus   *string  `json:"last_status"`
	LastEndedAt  *string  `json:"last_ended_at"`
	Failed       *int     `json:"failed"`
	NewestRun    *int64   `json:"newest_run"`
	ReadUntil    *string  `json:"read_until"`
	AgeHours     *int64   `json:"age_hours"`
	Warnings     []string `json:"warnings"`
	Unexplained  *int64   `json:"unexplained"`
	NotReadHours *int64   `json:"not_read_hours"`
	Lacks        []string `json:"lacks"`
	Head         *string  `json:"head"`
	Verified     *bool    `json:"verified"`
}

// Health shows the condition of the histories of a fleet, in the order given. code
// returns the exit code for a tenant.
func Health(code func(*ask.TenantHealth) int) Listing[*ask.TenantHealth] {
	type row = *ask.TenantHealth
	value := func(t row) HealthJSON { return healthOf(t, code(t)) }
	text := func(get func(HealthJSON) *string) func(row) any {
		return func(t row) any {
			if s := get(value(t)); s != nil {
				return *s
			}
			return nil
		}
	}
	return Listing[row]{
		JSON: func(t row) any { return value(t) },
		Columns: []Column[row]{
			{Column: out.Column{Head: "TENANT", Min: 12, Rank: 1}, CSV: "name", Text: func(t row) any { return t.Name }},
			{Column: out.Column{Head: "CONDITION"}, CSV: "condition", Text: func(t row) any { return coloredCondition(t.Condition) }, Cell: func(t row) any { return string(t.Condition) }},
			{CSV: "exit_code", Cell: func(t row) any { return code(t) }},
			{CSV: "tenant", Cell: text(func(h HealthJSON) *string { return h.Tenant })},
			{CSV: "tenant_name", Cell: text(func(h HealthJSON) *string { return h.TenantName })},
			{Column: out.Column{Head: "RUN"}, CSV: "last_run", Text: func(t row) any { return valueOf(value(t).LastRun) }},
			{CSV: "last_status", Cell: text(func(h HealthJSON) *string { return h.LastStatus })},
			{CSV: "last_ended_at", Cell: text(func(h HealthJSON) *string { return h.LastEndedAt })},
			{CSV: "failed", Cell: func(t row) any { return valueOf(value(t).Failed) }},
			{CSV: "newest_run", Cell: func(t row) any { return valueOf(value(t).NewestRun) }},
			{Column: out.Column{Head: Zoned("READ UNTIL")}, CSV: "read_until", Text: readUntil, Cell: text(func(h HealthJSON) *string { return h.ReadUntil })},
			{Column: out.Column{Head: "AGE"}, CSV: "age_hours", Text: age, Cell: func(t row) any { return valueOf(value(t).AgeHours) }},
			{Column: out.Column{Head: "WARN"}, CSV: "warnings", Text: func(t row) any {
				if value(t).NewestRun == nil {
					return nil
				}
				return len(value(t).Warnings)
			}, Cell: func(t row) any { return strings.Join(value(t).Warnings, " ") }},
			{CSV: "unexplained", Cell: func(t row) any { return valueOf(value(t).Unexplained) }},
			{CSV: "not_read_hours", Cell: func(t row) any { return valueOf(value(t).NotReadHours) }},
			{CSV: "lacks", Cell: func(t row) any { return strings.Join(value(t).Lacks, " ") }},
			{Column: out.Column{Head: "HEAD"}, CSV: "head", Text: func(t row) any {
				if h := value(t).Head; h != nil {
					return fmt.Sprintf("%.8s", *h)
				}
				return nil
			}, Cell: text(func(h HealthJSON) *string { return h.Head })},
			{Column: out.Column{Head: "VERIFIED"}, CSV: "verified", Text: func(t row) any {
				if v := t.Verified; v != nil {
					return map[bool]string{true: "yes", false: "no"}[*v]
				}
				return nil
			}, Cell: func(t row) any { return valueOf(t.Verified) }},
			{Column: out.Column{Head: "WHY", Min: 20, Rank: 2, Wrap: true}, CSV: "why", Text: func(t row) any { return Dash(healthWhy(t)) }, Cell: func(t row) any { return healthWhy(t) }},
		},
	}
}

func healthOf(t *ask.TenantHealth, code int) HealthJSON {
	j := HealthJSON{Name: t.Name, Condition: string(t.Condition), ExitCode: code, Why: OrNull(healthWhy(t)), Warnings: []string{}, Lacks: []string{}, Verified: t.Verified}
	h := t.Health
	if h == nil {
		return j
	}
	j.Tenant, j.TenantName, j.Head, j.Failed = OrNull(h.Tenant.ID), OrNull(h.Tenant.Name), OrNull(h.Head), &h.Failed
	if r := h.Last; r != nil {
		j.LastRun, j.LastStatus, j.LastEndedAt = new(int64(r.ID)), OrNull(r.Status), Stamp(r.EndedAt)
	}
	if r := h.Newest; r != nil {
		j.NewestRun, j.ReadUntil, j.AgeHours = new(int64(r.ID)), Stamp(r.ObservedUntil), new(int64(t.Now.Sub(r.ObservedUntil)/time.Hour))
		j.Unexplained, j.NotReadHours = &h.Unexplained, new(int64(h.NotRead/time.Hour))
		for _, w := range r.Warnings {
			j.Warnings = append(j.Warnings, w.Code)
		}
		j.Lacks = lacksOf(h.Gaps)
	}
	return j
}

// lacksOf are the reads of gaps, each once.
func lacksOf(gaps []snapshot.Gap) []string {
	lacks := []string{}
	for _, g := range gaps {
		if !slices.Contains(lacks, string(g.What)) {
			lacks = append(lacks, string(g.What))
		}
	}
	return lacks
}

// valueOf is what a pointer leads to, or nil.
func valueOf[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func coloredCondition(c ask.Condition) any {
	switch c {
	case ask.Healthy:
		return string(c)
	case ask.Partial:
		return out.Cell{Value: string(c), Style: out.Yellow}
	}
	return out.Cell{Value: string(c), Style: out.Red}
}

func readUntil(t *ask.TenantHealth) any {
	if t.Health == nil || t.Newest == nil {
		return nil
	}
	return Minute(t.Newest.ObservedUntil, t.Newest.ObservedUntil)
}

// age is how old what was read is, in days, and in hours where it is not a day old.
func age(t *ask.TenantHealth) any {
	if t.Health == nil || t.Newest == nil {
		return nil
	}
	old := t.Now.Sub(t.Newest.ObservedUntil)
	if old < 24*time.Hour {
		return fmt.Sprintf("%d h", max(0, old/time.Hour))
	}
	return fmt.Sprintf("%d d", old/(24*time.Hour))
}

// healthWhy describes the problem of a tenant in a sentence; "" where there is none.
func healthWhy(t *ask.TenantHealth) string {
	if t.Err != nil {
		return strings.ReplaceAll(t.Err.Error(), "\n", "; ")
	}
	switch t.Condition {
	case ask.NeverRun:
		if t.Last != nil {
			return fmt.Sprintf("no run is history; run %d: %s", t.Last.ID, t.Last.Error)
		}
		return "no run is history"
	case ask.Failing:
		if t.Last == t.Newest {
			return fmt.Sprintf("run %d began %s and has not ended", t.Open.ID, Minute(t.Open.StartedAt, t.Open.StartedAt))
		}
		return fmt.Sprintf("run %d: %s", t.Last.ID, t.Last.Error)
	case ask.Stale:
		return "nothing has been read for " + Plural(int(t.Now.Sub(t.Newest.ObservedUntil)/(24*time.Hour)), "day")
	case ask.Partial:
		return warningsText(t.Newest)
	}
	return ""
}

func warningsText(r *store.Run) string {
	if len(r.Warnings) == 0 {
		return "the audit log was not read in full"
	}
	texts := make([]string, len(r.Warnings))
	for i, w := range r.Warnings {
		texts[i] = w.Message
	}
	return strings.Join(texts, "; ")
}
