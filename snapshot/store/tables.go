package store

import (
	"context"
	"fmt"
	"slices"
)

// sealing says how the rows of a table belong to the chain of seals.
type sealing int

const (
	// byNumber: rows have a growing number, and belong to the seal that reaches it.
	byNumber sealing = iota + 1
	// byRun: rows belong to the seal at the end of the run that wrote them,
	// and, when they end, with their end to that of the run that ended them.
	byRun
	// byItself: table run, each row belonging to the seals at the run's begin and end.
	byItself
	// asWhole: rows may change; every seal digests all of them.
	asWhole
	// byProgram: rows come with the schema, and a later version may bring more before
	// anything is sealed again. verify compares them with those of the migrations.
	byProgram
	// notEvidence: no seal covers the table.
	notEvidence
)

// table declares what a table is to the chain, to forget and to prune. Columns
// are not listed: every one is digested that is not declared loose.
type table struct {
	name   string
	sealed sealing
	why    string            // for notEvidence: why not
	loose  map[string]string // columns that may change, with the reason: sealed as a whole instead, or derived

	// about is the column with the user that a row is about, "" for none;
	// personal is what forget leaves in its columns.
	about    string
	personal map[string]any
	// mentions are columns of text in which a person may be named besides; leaves
	// are those of them that hold JSON, where each value goes by itself.
	mentions, leaves []string
	// attributes is the column with attributes that users share, in JSON.
	attributes string
	// sentence is the column for which a sentence stands when a person is erased.
	sentence string

	// aged is the column with the time of a row that prune may erase, and
	// pruned what it leaves. Of a table that no seal covers whole rows go, by
	// prune and by forget.
	aged   string
	pruned map[string]any
}

// tables declares every table of the schema; a test fails for one that is
// missing or no longer there.
var tables = []table{
	{name: "tenant", sealed: asWhole},
	{name: "run", sealed: byItself, mentions: []string{"warnings", "error"}, leaves: []string{"warnings"}},
	{name: "user", sealed: byNumber, loose: map[string]string{"fingerprint": "derived: verify computes it anew", "row_print": "sealed as a whole, see rowPrints"},
		about: "id", personal: map[string]any{"object_id": forgottenName}},
	{name: "profile", sealed: byNumber, mentions: []string{"department"}, attributes: "more"},
	{name: "attribute_word", sealed: byNumber, mentions: []string{"text"}},
	{name: "user_version", sealed: byRun, about: "user_id",
		personal: map[string]any{"upn": forgottenName, "name": "", "mail": nil, "employee_id": nil, "created_at": nil}, mentions: []string{"name"}},
	{name: "sku", sealed: byNumber, loose: map[string]string{"part_number": newestName}},
	{name: "sku_version", sealed: byRun},
	{name: "plan", sealed: byNumber, loose: map[string]string{"name": newestName}},
	{name: "sku_plan", sealed: byRun},
	{name: "subscription_version", sealed: byRun},
	{name: "licensed_group", sealed: byNumber},
	{name: "group_version", sealed: byRun, mentions: []string{"name", "membership_rule"}},
	{name: "plan_set", sealed: byNumber},
	{name: "path", sealed: byRun},
	{name: "plan_layout", sealed: byNumber},
	{name: "user_plans", sealed: byRun, about: "user_id",
		personal: map[string]any{"layout_id": noPlans, "date_0": nil, "date_1": nil, "date_2": nil, "dates": nil, "packed": nil}},
	{name: "first_evidence", sealed: byRun},
	{name: "change", sealed: byNumber},
	{name: "attribution", sealed: byNumber, mentions: []string{"reason", "detail"}, leaves: []string{"detail"}, sentence: "reason"},
	{name: "event", sealed: byNumber, mentions: []string{"raw", "target"},
		aged: "at", pruned: map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}},
	{name: "event_copy", sealed: byNumber, mentions: []string{"raw", "target"},
		aged: "at", pruned: map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}},
	{name: "coverage", sealed: byNumber, mentions: []string{"why"}},
	{name: "sku_name", sealed: asWhole},
	{name: "plan_name", sealed: asWhole},
	{name: "event_evidence", sealed: byNumber},
	{name: "import_file", sealed: byNumber, mentions: []string{"name"}},
	{name: "import_record", sealed: byNumber, about: "user_id", personal: map[string]any{"note": "", "path": "", "salt": nil},
		mentions: []string{"note", "path"}},
	{name: "audit_file", sealed: byNumber, mentions: []string{"name", "member"}},
	{name: "audit_plan", sealed: notEvidence, why: "no evidence: what is still to be read of a log"},
	{name: "audit_feed", sealed: asWhole},
	{name: "principal", sealed: byNumber, mentions: []string{"name"}},
	{name: "activity_source", sealed: byProgram},
	{name: "activity_kind", sealed: byProgram},
	{name: "activity_read", sealed: byRun},
	{name: "activity_told", sealed: byRun},
	{name: "active_time", sealed: notEvidence, why: "no evidence of licenses, and moves with every run", about: "user_id", aged: "last_at"},
	{name: "name_word", sealed: notEvidence, why: "no evidence: made from user_version, to find people by", about: "user_id"},
	{name: "name_index", sealed: notEvidence, why: "no evidence: says how name_word was made"},
	{name: "called", sealed: notEvidence, why: "no evidence: made from event and event_copy, to find records by"},
	{name: "called_index", sealed: notEvidence, why: "no evidence: says up to which records called was made"},
	{name: "agent", sealed: byRun},
	{name: "copilot_count", sealed: byRun, about: "user_id",
		personal: map[string]any{"prompts": nil, "prompts_work": nil, "prompts_web": nil, "active_days": nil}},
	{name: "allotment", sealed: byNumber},
	{name: "allotment_version", sealed: byRun},
	{name: "allotment_holder", sealed: byRun},
	{name: "allotment_waiting", sealed: byRun},
	{name: "assignment_error", sealed: byRun, about: "holder", personal: map[string]any{"message": ""}, mentions: []string{"message"}},
	{name: "licensing_read", sealed: byRun},
	{name: "seal", sealed: notEvidence, why: "it is the chain itself"},
	{name: "erased", sealed: byNumber},
	{name: "pseudonym_key", sealed: asWhole},
}

// unsealed lists the tables that no seal covers.
func unsealed() []table {
	return slices.DeleteFunc(slices.Clone(tables), func(t table) bool { return t.sealed != notEvidence })
}

const newestName = "the newest name is kept; sealed as a whole"

// layout is a table as the schema has it.
type layout struct {
	table
	columns []string // sorted by name, as digests need them
	key     []string // the primary key
	begin   []int    // columns of a row's digest when it is written
	end     []int    // columns of the digest when it ends; nil: rows of this table do not end
	whole   []int    // columns that every seal digests for all rows: the key and the loose ones
	parts   []part   // of the cells of a row; see cells
}

// runBegins are the columns of a run that are known when it begins. The others
// are written when it ends.
var runBegins = []string{"id", "started_at", "previous_run", "version"}

// layouts reads the columns of every declared table from the schema.
func layouts(ctx context.Context, q querier) ([]*layout, error) {
	found := map[string]*layout{}
	err := eachRow(ctx, q, `
		SELECT t.name, c.name, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' ORDER BY t.name, c.name`, nil, func(values []any) error {
		table, _ := values[0].(string)
		column, _ := values[1].(string)
		place, _ := values[2].(int64)
		l := found[table]
		if l == nil {
			l = &layout{key: make([]string, 16)}
			found[table] = l
		}
		l.columns = append(l.columns, column)
		if place > 0 {
			l.key[place-1] = column
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of the tables: %w", err)
	}
	var all []*layout
	for _, t := range tables {
		l := found[t.name]
		if l == nil || l.key[0] == "" {
			return nil, fmt.Errorf("%w: table %s is not there, or has no primary key", ErrDamaged, t.name)
		}
		if t.sealed == notEvidence || t.sealed == byProgram {
			continue
		}
		l.table, l.key = t, slices.DeleteFunc(l.key, func(c string) bool { return c == "" })
		if !l.fits() {
			return nil, fmt.Errorf("%w: table %s does not have its columns", ErrDamaged, t.name)
		}
		l.sort()
		if l.hasCells() {
			l.parts = l.plan()
		}
		all = append(all, l)
	}
	return all, nil
}

// fits reports whether the table has the columns by which its rows are sealed.
func (l *layout) fits() bool {
	switch l.sealed {
	case byItself:
		return l.column("ended_at") >= 0 && !slices.ContainsFunc(runBegins, func(c string) bool { return l.column(c) < 0 })
	case byRun:
		return l.column(l.fromRun()) >= 0
	}
	return true
}

// sort tells which columns belong to which digest.
func (l *layout) sort() {
	for i, c := range l.columns {
		_, loose := l.loose[c]
		isKey := slices.Contains(l.key, c)
		switch {
		case l.sealed == asWhole:
			l.whole = append(l.whole, i)
			continue
		case loose:
			l.whole = append(l.whole, i)
			continue
		case isKey:
			l.begin, l.end = append(l.begin, i), append(l.end, i)
		case l.sealed == byItself && c == "head": // it is the seal's
		case l.sealed == byItself && !slices.Contains(runBegins, c), l.sealed == byRun && c == "to_run":
			l.end = append(l.end, i)
		default:
			l.begin = append(l.begin, i)
		}
	}
	if len(l.loose) > 0 {
		for i, c := range l.columns {
			if slices.Contains(l.key, c) {
				l.whole = append(l.whole, i)
			}
		}
		slices.Sort(l.whole)
	}
	if l.sealed == byNumber || l.sealed == byRun && l.column("to_run") < 0 {
		l.end = nil
	}
}

// erasable are the columns in which forget and prune may erase: those that are
// digested when a row begins, and of a run those that come with its end.
func (l *layout) erasable() []int {
	if l.sealed == byItself {
		return l.end
	}
	return l.begin
}

// column is the place of a column, -1 when the table has none of that name.
func (l *layout) column(name string) int { return slices.Index(l.columns, name) }

// keyText is an SQL expression for a row's key as table erased has it.
func (l *layout) keyText() string { return quoteAll(l.key, " || '/' || ") }

// names are the columns at places.
func (l *layout) names(places []int) []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = l.columns[p]
	}
	return names
}

// forgottenName stands for what forget puts in the place of a name: it becomes
// "forgotten-17" for the user in row 17.
const forgottenName = "forgotten"

// noPlans stands for the layout of somebody without service plans.
const noPlans = "no plans"
