package store

import (
	"context"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
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
	Kept       snapshot.Kept
}

// attributes lists what runs up to the one asked about showed of users, the oldest
// of each first. of is as in people.
func (h *History) attributes(ctx context.Context, of string, take func(row int64, a AttributeRow)) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT v.user_id, v.from_run, v.upn, f.department, f.more
		FROM user_version v JOIN profile f ON f.id = v.profile_id
		WHERE v.from_run <= ?2 AND v.user_id`+ofThem+` ORDER BY v.user_id, v.from_run`, of, int64(h.At.ID))
	if err != nil {
		return fmt.Errorf("read the users: %w", engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var user int64
		var run snapshot.RunID
		var a AttributeRow
		var more string
		var shared snapshot.Attributes
		if err := rows.Scan(&user, &run, &a.UPN, &a.Department, &more); err != nil {
			return fmt.Errorf("read the users: %w", engine.Classify(err))
		}
		if _, err := attributes.Decode(more, &shared, h.words.text); err != nil {
			return fmt.Errorf("read the users: %w", err)
		}
		a.Country, a.Company, a.Office, a.JobTitle = shared.Country, shared.Company, shared.Office, shared.JobTitle
		a.Type, a.Location, a.Kept = shared.EmployeeType, shared.UsageLocation, shared.Kept
		a.Run = h.Runs[run]
		if h.pseudonyms != nil {
			a.UPN = h.pseudonyms.pseudonym(a.UPN)
			for _, text := range []*string{&a.Department, &a.Company, &a.Office, &a.JobTitle, &a.Type} {
				*text = h.pseudonyms.text(*text)
			}
			a.Kept = a.Kept.Map(h.pseudonyms.text)
		}
		take(user, a)
	}
	return engine.Classify(rows.Err())
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
		return nil, fmt.Errorf("read the plans of SKUs: %w", engine.Classify(err))
	}
	defer rows.Close()
	plans := make(map[snapshot.SKUID][]snapshot.PlanID)
	for rows.Next() {
		var sku snapshot.SKUID
		var plan snapshot.PlanID
		if err := rows.Scan(&sku, &plan); err != nil {
			return nil, fmt.Errorf("read the plans of SKUs: %w", engine.Classify(err))
		}
		plans[sku] = append(plans[sku], plan)
	}
	return plans, engine.Classify(rows.Err())
}

// Departments are those in which anybody has been, in the order of their names.
func (h *History) Departments(ctx context.Context) ([]string, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT DISTINCT department FROM profile WHERE department <> '' ORDER BY department")
	if err != nil {
		return nil, fmt.Errorf("read the departments: %w", engine.Classify(err))
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, fmt.Errorf("read the departments: %w", engine.Classify(err))
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the departments: %w", engine.Classify(err))
	}
	return all, nil
}

// keptColumn is the JSON of a profile's [snapshot.Kept]: see placeKept.
const keptColumn = `CASE WHEN f.more LIKE '[%' THEN CASE json_type(f.more, '$[11]')
	WHEN 'integer' THEN (SELECT w.text FROM attribute_word w WHERE w.id = f.more ->> '$[11]') WHEN 'text' THEN f.more ->> '$[11]' END END`

// KeptSince says which runs kept an attribute of [snapshot.KeptNames] of users: from the
// first that did, up to the first that no longer did; 0 for either where there is none.
func (h *History) KeptSince(ctx context.Context, name string) (first, end snapshot.RunID, err error) {
	err = h.tx.QueryRowContext(ctx, `
		SELECT coalesce(min(from_run), 0), CASE WHEN count(*) > count(to_run) THEN 0 ELSE coalesce(max(to_run), 0) END
		FROM (SELECT v.from_run, v.to_run, `+keptColumn+` AS kept FROM user_version v JOIN profile f ON f.id = v.profile_id WHERE v.from_run <= ?1)
		WHERE json_valid(kept) AND kept ->> ?2 IS NOT NULL`, int64(h.At.ID), `$."`+name+`"`).Scan(&first, &end)
	if err != nil {
		return 0, 0, fmt.Errorf("read which attributes were kept: %w", engine.Classify(err))
	}
	if end > h.At.ID {
		end = 0
	}
	return first, end, nil
}
