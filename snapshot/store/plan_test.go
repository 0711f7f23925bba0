package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/words"
)

// explaining is the transaction of a history that notes how SQLite goes about each query.
type explaining struct {
	reading
	t       *testing.T
	queries int
	scans   []string // of tables that grow with the number of users
}

// grows are the tables that have rows for every user or change. Of a tenant of 1,000,000
// users a scan of one takes seconds.
var grows = "user|user_version|path|change|attribution|evidence|event|event_copy|name_word|user_plans|profile|imported|activity"

func (e *explaining) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	e.explain(ctx, query, args)
	return e.reading.QueryContext(ctx, query, args...)
}

func (e *explaining) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	e.explain(ctx, query, args)
	return e.reading.QueryRowContext(ctx, query, args...)
}

func (e *explaining) explain(ctx context.Context, query string, args []any) {
	e.queries++
	rows, err := e.reading.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		e.t.Errorf("explain %s: %v", query, err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			e.t.Error(err)
		}
		name, scan := strings.CutPrefix(step, "SCAN ")
		name, _, _ = strings.Cut(name, " ")
		if scan && regexp.MustCompile(`\b(`+grows+`)\b(\s+(AS\s+)?`+regexp.QuoteMeta(name)+`\b)?`).FindString(query) != "" && isTable(query, name) {
			e.scans = append(e.scans, fmt.Sprintf("%s in %s", step, query))
		}
	}
}

// isTable reports whether a name in a query is that of a table that grows.
func isTable(query, name string) bool {
	return regexp.MustCompile(`^(`+grows+`)$`).MatchString(name) ||
		regexp.MustCompile(`\b(`+grows+`)\s+(AS\s+)?`+regexp.QuoteMeta(name)+`\b`).MatchString(query)
}

// drain reads a listing to its end.
func drain[T any](t *testing.T, rows iter.Seq2[T, error]) {
	t.Helper()
	for _, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneUser_Plans: what is asked about one person is looked up in indexes, however many
// people there are.
func TestOneUser_Plans(t *testing.T) {
	t.Parallel()
	h := history(t, called(t, "Ann Meyer > Ann Smith", "Bob Meyer", "Cyd Novak"))
	e := &explaining{reading: h.tx, t: t}
	h.tx = e
	people, err := h.FindUsers(t.Context(), named(t, 0, "Ann Meyer").UPN)
	if err != nil || len(people) != 1 {
		t.Fatalf("%d people, %v", len(people), err)
	}
	for _, q := range []string{"meyer", "ann m", "cyd novak"} {
		if _, _, err := h.FindPeople(t.Context(), words.NewQuery(q), 20); err != nil {
			t.Fatal(err)
		}
	}
	f := Filter{Users: people}
	drain(t, h.Holdings(t.Context(), f))
	drain(t, h.Periods(t.Context(), f))
	drain(t, h.Assignments(t.Context(), f))
	drain(t, h.Changes(t.Context(), ChangeFilter{Users: people, Oldest: true}))
	drain(t, h.Changes(t.Context(), ChangeFilter{Users: people, SKUs: []snapshot.SKUID{"e3"}, Kinds: []snapshot.Kind{snapshot.Removed}, Newest: true}))
	drain(t, h.Stored(t.Context(), EventFilter{Users: people}))
	if _, err := h.Imports(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	if e.queries < 12 {
		t.Errorf("only %d queries were looked at", e.queries)
	}
	for _, s := range e.scans {
		t.Errorf("a scan: %s", s)
	}

	// The test sees a scan where there is one.
	seen := len(e.scans)
	drain(t, h.Holdings(t.Context(), Filter{}))
	if len(e.scans) == seen {
		t.Error("no scan is seen of a question about everybody")
	}
}
