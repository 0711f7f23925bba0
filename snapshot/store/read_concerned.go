package store

import (
	"context"
	"fmt"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Concern says which users a question is about: those who have a row, held or
// not, of any of the SKUs or of the group, and those named. Nothing: everybody.
type Concern struct {
	SKUs  []snapshot.SKUID
	Group snapshot.GroupID
	Users []Person
	// Hidden: also those of whom Microsoft does not show how they hold a SKU.
	Hidden bool
}

// Concerned returns the users who are present at the run asked about and whom a
// question concerns, each with every row of every SKU, normalized and without
// service plans.
func (h *History) Concerned(ctx context.Context, c Concern) ([]snapshot.User, error) {
	query, args := c.query(int64(h.At.ID))
	rows, err := h.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read whom it concerns: %w", engine.Classify(err))
	}
	defer rows.Close()
	scanner := h.refs.scanner()
	var users []snapshot.User
	last := int64(-1)
	for rows.Next() {
		p, err := scanner.path(rows)
		if err != nil {
			return nil, fmt.Errorf("read whom it concerns: %w", engine.Classify(err))
		}
		id := engine.Must(scanner.Number())
		if id != last {
			person := scanner.person(id)
			h.pseudonyms.user(&person.User)
			users, last = append(users, person.User), id
		}
		if scanner.Wrong != nil {
			return nil, fmt.Errorf("read whom it concerns: %w", scanner.Wrong)
		}
		u := &users[len(users)-1]
		u.Paths = append(u.Paths, p.Path)
	}
	for i := range users {
		users[i].Normalize()
	}
	return users, engine.Classify(rows.Err())
}

// query begins with the users where they are few, else with the versions.
func (c Concern) query(run int64) (string, []any) {
	args := []any{run}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("?%d", len(args))
	}
	var any []string
	for _, sku := range c.SKUs {
		any = append(any, "q.sku_id = (SELECT id FROM sku WHERE object_id = "+arg(string(sku))+")")
	}
	if c.Group != "" {
		any = append(any, "q.group_id = (SELECT id FROM licensed_group WHERE object_id = "+arg(string(c.Group))+")")
	}
	if c.Hidden && len(any) > 0 {
		any = append(any, fmt.Sprintf("q.group_id = %d", unknownGroup))
	}
	whose := ""
	if len(any) > 0 {
		whose = `v.user_id IN (SELECT q.user_id FROM path q WHERE q.from_run <= ?1 AND (q.to_run IS NULL OR q.to_run > ?1) AND (` + strings.Join(any, " OR ") + "))"
	}
	if len(c.Users) > 0 {
		marks := make([]string, len(c.Users))
		for i, u := range c.Users {
			marks[i] = arg(u.Row)
		}
		named := "v.user_id IN (" + strings.Join(marks, ", ") + ")"
		if whose != "" {
			named = "(" + whose + " OR " + named + ")"
		}
		whose = named
	}
	if whose != "" {
		whose = " AND " + whose
	}
	return "SELECT " + pathColumns + `, u.id, u.object_id, v.upn, v.name, v.mail, f.department, ` + userType + `, v.presence
		FROM user_version v
		CROSS JOIN path p ON p.user_id = v.user_id
		CROSS JOIN user u ON u.id = v.user_id
		CROSS JOIN profiles f ON f.profile_key = v.profile_id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) AND v.presence IS NULL
		AND p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1)` + whose + " ORDER BY v.user_id", args
}

// Subscriptions lists what was bought, as the run asked about knew it.
func (h *History) Subscriptions(ctx context.Context) ([]snapshot.Subscription, error) {
	bySKU, err := h.subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions: %w", engine.Classify(err))
	}
	var all []snapshot.Subscription
	for _, list := range bySKU {
		all = append(all, list...)
	}
	return all, nil
}
