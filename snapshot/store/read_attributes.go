package store

import (
	"context"
	"fmt"

	"lictrail/snapshot"
)

// AttributeRow is what a user was called and where they belonged from a run on.
type AttributeRow struct {
	Run        *Run
	UPN        string
	Department string
	Country    string
	Company    string
	Office     string
	JobTitle   string
	Type       string // of employee
	Location   string // of usage
}

// attributes lists what runs up to the one asked about showed of users, the oldest
// of each first. of is as in people.
func (h *History) attributes(ctx context.Context, of string, take func(row int64, a AttributeRow)) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT v.user_id, v.from_run, v.upn, f.department, f.more
		FROM user_version v JOIN profile f ON f.id = v.profile_id
		WHERE v.from_run <= ?2 AND v.user_id`+ofThem+` ORDER BY v.user_id, v.from_run`, of, int64(h.At.ID))
	if err != nil {
		return fmt.Errorf("read the users: %w", classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var user int64
		var run snapshot.RunID
		var a AttributeRow
		var more string
		var shared snapshot.Attributes
		if err := rows.Scan(&user, &run, &a.UPN, &a.Department, &more); err != nil {
			return fmt.Errorf("read the users: %w", classify(err))
		}
		if _, err := decodeAttributes(more, &shared, h.words.text); err != nil {
			return fmt.Errorf("read the users: %w", err)
		}
		a.Country, a.Company, a.Office, a.JobTitle = shared.Country, shared.Company, shared.Office, shared.JobTitle
		a.Type, a.Location = shared.EmployeeType, shared.UsageLocation
		a.Run = h.Runs[run]
		if h.pseudonyms != nil {
			a.UPN = h.pseudonyms.of(a.UPN)
			for _, text := range []*string{&a.Department, &a.Company, &a.Office, &a.JobTitle, &a.Type} {
				*text = h.pseudonyms.text(*text)
			}
		}
		take(user, a)
	}
	return classify(rows.Err())
}

// SKUPlans lists the service plans that each SKU contains, or has ever contained.
func (h *History) SKUPlans(ctx context.Context) (map[snapshot.SKUID][]snapshot.PlanID, error) {
	return Once(h, "plans of SKUs", func() (map[snapshot.SKUID][]snapshot.PlanID, error) { return h.skuPlans(ctx, "") })
}

func (h *History) skuPlans(ctx context.Context, where string, args ...any) (map[snapshot.SKUID][]snapshot.PlanID, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT s.object_id, p.object_id FROM sku_plan x JOIN sku s ON s.id = x.sku_id JOIN plan p ON p.id = x.plan_id
		`+where+` GROUP BY 1, 2 ORDER BY 1, 2`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the plans of SKUs: %w", classify(err))
	}
	defer rows.Close()
	plans := make(map[snapshot.SKUID][]snapshot.PlanID)
	for rows.Next() {
		var sku snapshot.SKUID
		var plan snapshot.PlanID
		if err := rows.Scan(&sku, &plan); err != nil {
			return nil, fmt.Errorf("read the plans of SKUs: %w", classify(err))
		}
		plans[sku] = append(plans[sku], plan)
	}
	return plans, classify(rows.Err())
}

// Departments are those in which anybody has been, in the order of their names.
func (h *History) Departments(ctx context.Context) ([]string, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT DISTINCT department FROM profile WHERE department <> '' ORDER BY department")
	if err != nil {
		return nil, fmt.Errorf("read the departments: %w", classify(err))
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, fmt.Errorf("read the departments: %w", classify(err))
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the departments: %w", classify(err))
	}
	return all, nil
}
