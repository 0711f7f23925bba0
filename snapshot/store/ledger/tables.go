package ledger

import (
	"context"
	"fmt"
	"slices"

	"lictrail/snapshot/store/engine"
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

// Table declares what a table is to the chain, to forget and to prune. Columns
// are not listed: every one is digested that is not declared loose.
type Table struct {
	Name   string
	sealed sealing
	Why    string            // for notEvidence: why not
	Loose  map[string]string // columns that may change, with the reason: sealed as a whole instead, or derived

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

// Tables declares every table of the schema; a test fails for one that is
// missing or no longer there.
var Tables = []Table{
	{Name: "tenant", sealed: asWhole},
	{Name: "run", sealed: byItself, mentions: []string{"warnings", "error"}, leaves: []string{"warnings"}},
	{Name: "user", sealed: byNumber, Loose: map[string]string{"fingerprint": "derived: verify computes it anew", "row_print": "sealed as a whole, see rowPrints"},
		about: "id", personal: map[string]any{"object_id": ForgottenName}},
	{Name: "profile", sealed: byNumber, mentions: []string{"department"}, attributes: "more"},
	{Name: "attribute_word", sealed: byNumber, mentions: []string{"text"}},
	{Name: "user_version", sealed: byRun, about: "user_id",
		personal: map[string]any{"upn": ForgottenName, "name": "", "mail": nil, "employee_id": nil, "created_at": nil}, mentions: []string{"name"}},
	{Name: "sku", sealed: byNumber, Loose: map[string]string{"part_number": newestName}},
	{Name: "sku_version", sealed: byRun},
	{Name: "plan", sealed: byNumber, Loose: map[string]string{"name": newestName}},
	{Name: "sku_plan", sealed: byRun},
	{Name: "subscription_version", sealed: byRun},
	{Name: "licensed_group", sealed: byNumber},
	{Name: "group_version", sealed: byRun, mentions: []string{"name", "membership_rule"}},
	{Name: "plan_set", sealed: byNumber},
	{Name: "path", sealed: byRun},
	{Name: "plan_layout", sealed: byNumber},
	{Name: "user_plans", sealed: byRun, about: "user_id",
		personal: map[string]any{"layout_id": noPlans, "date_0": nil, "date_1": nil, "date_2": nil, "dates": nil, "packed": nil}},
	{Name: "first_evidence", sealed: byRun},
	{Name: "change", sealed: byNumber},
	{Name: "attribution", sealed: byNumber, mentions: []string{"reason", "detail"}, leaves: []string{"detail"}, sentence: "reason"},
	{Name: "event", sealed: byNumber, mentions: []string{"raw", "target"},
		aged: "at", pruned: map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}},
	{Name: "event_copy", sealed: byNumber, mentions: []string{"raw", "target"},
		aged: "at", pruned: map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}},
	{Name: "coverage", sealed: byNumber, mentions: []string{"why"}},
	{Name: "sku_name", sealed: asWhole},
	{Name: "plan_name", sealed: asWhole},
	{Name: "event_evidence", sealed: byNumber},
	{Name: "import_file", sealed: byNumber, mentions: []string{"name"}},
	{Name: "import_record", sealed: byNumber, about: "user_id", personal: map[string]any{"note": "", "path": "", "salt": nil},
		mentions: []string{"note", "path"}},
	{Name: "audit_file", sealed: byNumber, mentions: []string{"name", "member"}},
	{Name: "audit_plan", sealed: notEvidence, Why: "no evidence: what is still to be read of a log"},
	{Name: "audit_feed", sealed: asWhole},
	{Name: "principal", sealed: byNumber, mentions: []string{"name"}},
	{Name: "activity_source", sealed: byProgram},
	{Name: "activity_kind", sealed: byProgram},
	{Name: "activity_read", sealed: byRun},
	{Name: "activity_told", sealed: byRun},
	{Name: "active_time", sealed: notEvidence, Why: "no evidence of licenses, and moves with every run", about: "user_id", aged: "last_at"},
	{Name: "name_word", sealed: notEvidence, Why: "no evidence: made from user_version, to find people by", about: "user_id"},
	{Name: "name_index", sealed: notEvidence, Why: "no evidence: says how name_word was made"},
	{Name: "called", sealed: notEvidence, Why: "no evidence: made from event and event_copy, to find records by"},
	{Name: "called_index", sealed: notEvidence, Why: "no evidence: says up to which records called was made"},
	{Name: "agent", sealed: byRun},
	{Name: "copilot_count", sealed: byRun, about: "user_id",
		personal: map[string]any{"prompts": nil, "prompts_work": nil, "prompts_web": nil, "active_days": nil}},
	{Name: "allotment", sealed: byNumber},
	{Name: "allotment_version", sealed: byRun},
	{Name: "allotment_holder", sealed: byRun},
	{Name: "allotment_waiting", sealed: byRun},
	{Name: "assignment_error", sealed: byRun, about: "holder", personal: map[string]any{"message": ""}, mentions: []string{"message"}},
	{Name: "licensing_read", sealed: byRun},
	{Name: "seal", sealed: notEvidence, Why: "it is the chain itself"},
	{Name: "erased", sealed: byNumber},
	{Name: "pseudonym_key", sealed: asWhole},
}

// unsealed lists the tables that no seal covers.
func unsealed() []Table {
	return slices.DeleteFunc(slices.Clone(Tables), func(t Table) bool { return t.sealed != notEvidence })
}

const newestName = "the newest name is kept; sealed as a whole"

// Layout is a table as the schema has it.
type Layout struct {
	Table
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
func layouts(ctx context.Context, q engine.Querier) ([]*Layout, error) {
	found := map[string]*Layout{}
	err := engine.EachRow(ctx, q, `
		SELECT t.name, c.name, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' ORDER BY t.name, c.name`, nil, func(values []any) error {
		table, _ := values[0].(string)
		column, _ := values[1].(string)
		place, _ := values[2].(int64)
		l := found[table]
		if l == nil {
			l = &Layout{key: make([]string, 16)}
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
	var all []*Layout
	for _, t := range Tables {
		l := found[t.Name]
		if l == nil || l.key[0] == "" {
			return nil, fmt.Errorf("%w: table %s is not there, or has no primary key", engine.ErrDamaged, t.Name)
		}
		if t.sealed == notEvidence || t.sealed == byProgram {
			continue
		}
		l.Table, l.key = t, slices.DeleteFunc(l.key, func(c string) bool { return c == "" })
		if !l.fits() {
			return nil, fmt.Errorf("%w: table %s does not have its columns", engine.ErrDamaged, t.Name)
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
func (l *Layout) fits() bool {
	switch l.sealed {
	case byItself:
		return l.column("ended_at") >= 0 && !slices.ContainsFunc(runBegins, func(c string) bool { return l.column(c) < 0 })
	case byRun:
		return l.column(l.fromRun()) >= 0
	}
	return true
}

// sort decides which columns belong to which digest.
func (l *Layout) sort() {
	for i, c := range l.columns {
		_, loose := l.Loose[c]
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
	if len(l.Loose) > 0 {
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
func (l *Layout) erasable() []int {
	if l.sealed == byItself {
		return l.end
	}
	return l.begin
}

// column is the place of a column, -1 when the table has none of that name.
func (l *Layout) column(name string) int { return slices.Index(l.columns, name) }

// keyText is an SQL expression for a row's key as table erased has it.
func (l *Layout) keyText() string { return engine.QuoteAll(l.key, " || '/' || ") }

// names are the columns at places.
func (l *Layout) names(places []int) []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = l.columns[p]
	}
	return names
}

// ForgottenName stands for what forget puts in the place of a name: it becomes
// "forgotten-17" for the user in row 17.
const ForgottenName = "forgotten"

// noPlans stands for the layout of somebody without service plans.
const noPlans = "no plans"
