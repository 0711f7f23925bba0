package proof

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// TestVerify_Altered: one row that was altered is found by the rules of comparing and
// attributing alone, whatever the chain of seals says.
func TestVerify_Altered(t *testing.T) {
	*perWeek = 25
	db := live(t, newTenant(4), 75, byTurns, newScore())
	const ofUser = "(SELECT max(id) FROM change WHERE observed = 1 AND user_id IS NOT NULL AND sku_id IS NOT NULL)"
	const cause = "UPDATE attribution SET cause = CASE cause WHEN 'partner' THEN 'microsoft' ELSE 'partner' END WHERE id = "
	for _, a := range []struct{ name, check, do string }{
		{"nothing", "", ""},
		{"a change of a user", ledger.CheckReplay, "UPDATE change SET sku_id = (SELECT max(id) FROM sku WHERE id <> sku_id) WHERE id = " + ofUser},
		{"a change of the tenant", ledger.CheckReplay, "UPDATE change SET detail = '{}' WHERE id = (SELECT max(id) FROM change WHERE user_id IS NULL AND detail <> '{}')"},
		{"whose change it is", ledger.CheckReplay, "UPDATE change SET user_id = (SELECT max(id) FROM user WHERE id <> user_id) WHERE id = " + ofUser},
		{"a change's run", ledger.CheckReplay, "UPDATE change SET run_id = run_id - 1 WHERE id = " + ofUser},
		{"a change's window", ledger.CheckReplay, "UPDATE change SET not_before = not_before + 60000 WHERE id = " + ofUser},
		{"a change that was taken away", ledger.CheckReplay, "DELETE FROM attribution WHERE change_id = " + ofUser},
		{"a change that was added", ledger.CheckReplay, `INSERT INTO change SELECT (SELECT max(id) FROM change) + 1, run_id, kind, observed, user_id, sku_id, group_id, from_group_id, not_before, not_after, detail
			FROM change WHERE id = ` + ofUser + `;
			INSERT INTO attribution SELECT id + 1, (SELECT max(id) FROM change), 1, run_id, cause, initiator, confidence, unknown_why, at, reason, detail, salt
			FROM attribution WHERE id = (SELECT max(id) FROM attribution)`},
		{"a period", ledger.CheckReplay, "UPDATE path SET start_run = start_run - 1 WHERE (user_id, from_run) = (SELECT max(user_id), from_run FROM path WHERE start_run > 2)"},
		{"the end of a path", ledger.CheckReplay, "UPDATE path SET to_run = to_run + 1 WHERE (user_id, from_run) = (SELECT max(user_id), from_run FROM path WHERE to_run BETWEEN 2 AND 4)"},
		{"a first cause", ledger.CheckAttributions, cause + "(SELECT min(id) FROM attribution)"},
		{"a corrected cause", ledger.CheckAttributions, cause + "(SELECT max(id) FROM attribution WHERE revision > 1)"},
		{"the cause of what only the log saw", ledger.CheckAttributions, cause + "(SELECT max(a.id) FROM attribution a JOIN change c ON c.id = a.change_id WHERE c.observed = 0)"},
		{"the change that was corrected", ledger.CheckAttributions, `UPDATE attribution SET change_id = (SELECT max(id) FROM change WHERE id NOT IN
			(SELECT change_id FROM attribution WHERE revision > 1)) WHERE id = (SELECT max(id) FROM attribution WHERE revision > 1)`},
	} {
		t.Run(a.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "altered.db")
			must(t, db.Backup(t.Context(), path, func(string) error { return nil }))
			alter(t, path, a.do)
			altered, err := store.OpenReadOnly(t.Context(), path, migrations.Check)
			must(t, err)
			defer altered.Close()
			h, err := altered.History(t.Context())
			must(t, err)
			defer h.Close()
			r, err := track.Verify(t.Context(), h)
			switch {
			case errors.Is(err, engine.ErrDamaged):
				if a.check != ledger.CheckReplay {
					t.Error(err)
				}
				return
			case err != nil:
				t.Fatal(err)
			case a.do == "":
				if len(r.Findings) > 0 || r.Unrepeated > 0 {
					t.Errorf("found %v; %d attributions are not looked at", r.Findings, r.Unrepeated)
				}
				return
			}
			if !slices.ContainsFunc(r.Findings, func(f ledger.Finding) bool { return f.Check == a.check }) {
				t.Errorf("found %v", r.Findings)
			}
		})
	}
}

// alter executes statements on a history as somebody would who can write the file:
// without triggers and without constraints between tables. Each must alter something.
func alter(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	rows, err := tx.QueryContext(t.Context(), "SELECT name FROM sqlite_schema WHERE type = 'trigger'")
	must(t, err)
	var drops []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		drops = append(drops, fmt.Sprintf("DROP TRIGGER %q", name))
	}
	must(t, rows.Err())
	for _, drop := range drops {
		_, err := tx.ExecContext(t.Context(), drop)
		must(t, err)
	}
	for do := range strings.SplitSeq(statements, ";") {
		if do == "" {
			continue
		}
		done, err := tx.ExecContext(t.Context(), do)
		must(t, err)
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			t.Fatalf("nothing is altered by %s: %v", do, err)
		}
	}
	must(t, tx.Commit())
}
