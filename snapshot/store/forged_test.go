package store

import (
	"database/sql"
	"encoding/hex"
	"strings"
	"testing"

	"lictrail/snapshot/store/ledger"
)

// forge alters rows with the program's own packages, by somebody who may write the
// file and has the source: the alterations are recorded and sealed as those of a
// forget or a prune.
func forge(t *testing.T, db *DB, kind string, detail any, alter func(tx *sql.Tx, e *ledger.Eraser) error) {
	t.Helper()
	err := ledger.Write(t.Context(), db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		e, err := ledger.NewEraser(t.Context(), tx)
		if err != nil {
			return nil, err
		}
		err = ledger.Unguarded(t.Context(), tx, func() error { return alter(tx, e) })
		return &ledger.Entry{Kind: kind, Detail: detail, Erased: e.Rows}, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What seals of erasures say.
func forgotten(user int64) any       { return map[string]int64{"user": user} }
func prunedBefore(moment string) any { return map[string]string{"before": moment} }

// P15: a history that was rewritten after a head was kept, and says that it was an
// erasure, does not pass with that head, nor without one.
func TestP15_ForgedErasure(t *testing.T) {
	t.Parallel()
	original := forgettable(t)
	head, path := verify(t, original, "").Head, original.Path()
	leaver := rowOf(t, original, "user-1")
	closeDB(t, original)
	prune, forget := prunedBefore("2030-01-01T00:00:00Z"), forgotten(leaver)
	set := func(table string, key any, values map[string]any) func(tx *sql.Tx, e *ledger.Eraser) error {
		keys := []any{key}
		if table == "user_version" || table == "group_version" {
			keys = append(keys, int64(1)) // the run
		}
		return func(tx *sql.Tx, e *ledger.Eraser) error { return e.Redact(e.Layout(table), keys, values) }
	}
	run := func(query string) func(tx *sql.Tx, e *ledger.Eraser) error {
		return func(tx *sql.Tx, e *ledger.Eraser) error { _, err := tx.ExecContext(t.Context(), query); return err }
	}
	all := func(steps ...func(tx *sql.Tx, e *ledger.Eraser) error) func(tx *sql.Tx, e *ledger.Eraser) error {
		return func(tx *sql.Tx, e *ledger.Eraser) error {
			for _, step := range steps {
				if err := step(tx, e); err != nil {
					return err
				}
			}
			return nil
		}
	}
	const detail = `{"actor":{"id":"eve","kind":"user"},"evidence":[{"activity":"","at":"0001-01-01T00:00:00Z","id":"event","source":"graph"}]}`
	really := func(tx *sql.Tx, e *ledger.Eraser) error {
		return e.Forget(ledger.Forgetting(leaver, 0), nil)
	}
	forged, found := 0, 0
	for _, f := range []struct {
		name   string
		kind   string
		detail any
		alter  func(tx *sql.Tx, e *ledger.Eraser) error
	}{
		{"another actor in a record, as a prune", ledger.KindPrune, prune, set("event", int64(1), map[string]any{"raw": `{"actor":"eve"}`})},
		{"another actor in an attribution, as a prune", ledger.KindPrune, prune, set("attribution", int64(1), map[string]any{"detail": detail})},
		{"both, as a prune", ledger.KindPrune, prune, all(set("event", int64(1), map[string]any{"raw": `{"actor":"eve"}`}), set("attribution", int64(1), map[string]any{"detail": detail}))},
		{"a pruned record, and another actor as a forget", ledger.KindForget, forget, all(really, set("event", int64(1), map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}), set("attribution", int64(1), map[string]any{"detail": detail}))},
		{"another sentence", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"reason": "It was eve."}))},
		{"another sentence with the stand-in in it", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"reason": "It was eve, and not forgotten-1."}))},
		{"another cause, which no erasure touches", ledger.KindForget, forget, all(really, set("attribution", int64(2), map[string]any{"reason": "x"}), run("UPDATE attribution SET cause = 'microsoft' WHERE id = 2"))},
		{"another kind of actor", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"detail": strings.Replace(detail, `"user"`, `"forgotten-1"`, 1)}))},
		{"a younger record, as a prune", ledger.KindPrune, prunedBefore("2001-01-01T00:00:00Z"), set("event", int64(1), map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil})},
		{"another time of a pruned record", ledger.KindPrune, prune, all(set("event", int64(1), map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil}), run("UPDATE event SET at = at + 1 WHERE id = 1"))},
		{"another UPN", ledger.KindForget, forget, all(really, set("user_version", int64(2), map[string]any{"upn": "eve@contoso.com"}))},
		{"another name of somebody who is not forgotten", ledger.KindForget, forget, all(really, set("user_version", int64(2), map[string]any{"name": "Eve"}))},
		{"the rows of somebody else erased as well", ledger.KindForget, forget, all(really, set("user_version", int64(2), map[string]any{"upn": "forgotten-1", "name": "", "mail": nil, "employee_id": nil, "created_at": nil}))},
		{"another object id", ledger.KindForget, forget, all(really, set("user", int64(2), map[string]any{"object_id": "eve"}))},
		{"another rule of a group", ledger.KindForget, forget, all(really, set("group_version", int64(1), map[string]any{"membership_rule": "forgotten-1 or eve"}))},
		{"another note", ledger.KindForget, forget, all(really, set("import_record", int64(1), map[string]any{"note": "by eve"}))},
		{"another warning", ledger.KindForget, forget, all(really, set("run", int64(1), map[string]any{"warnings": `[{"code":"groups","message":"All is well."}]`}))},
		{"one warning less", ledger.KindForget, forget, all(really, set("run", int64(1), map[string]any{"warnings": `[]`}))},
		{"another department", ledger.KindForget, forget, all(really, set("profile", int64(1), map[string]any{"department": "Sales"}))},
		{"other attributes", ledger.KindForget, forget, all(really, set("profile", int64(1), map[string]any{"more": `{"country":"XX","forgotten":1}`}))},
		{"one forgotten who is still named", ledger.KindForget, forgotten(2), set("attribution", int64(1), map[string]any{"reason": "A sentence that named forgotten-2 was erased."})},
		{"an erasure of an older form", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"reason": "It was forgotten-1, says eve."}), run("UPDATE erased SET cells = NULL WHERE table_name = 'attribution'"))},
		{"cells that are not told", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"detail": detail}), run("UPDATE erased SET cells = '{}' WHERE table_name = 'attribution'"))},
		{"a record that is taken away", ledger.KindPrune, prune, run("DELETE FROM event WHERE id = 1")},
		{"rows erased that no erasure counts", ledger.KindEvidence, nil, set("event", int64(1), map[string]any{"raw": "", "target": "", "correlation": "", "salt": nil})},
		{"another stand-in", ledger.KindForget, forget, all(really, set("attribution", int64(1), map[string]any{"reason": "A sentence that named forgotten-1 was erased."}), set("attribution", int64(1), map[string]any{"reason": "A sentence that named forgotten-2 was erased."}))},
		{"names twice", ledger.KindForget, forget, all(really, func(tx *sql.Tx, e *ledger.Eraser) error {
			return e.Redact(e.Layout("attribution"), []any{int64(1)}, map[string]any{"detail": `{"actor":{"id":"eve"},` + detail[1:]})
		})},
	} {
		t.Run(f.name, func(t *testing.T) {
			db := openRW(t, copyOf(t, path))
			forge(t, db, f.kind, f.detail, f.alter)
			forged++
			if v := verify(t, db, ""); len(v.Findings) == 0 {
				t.Error("without a head it passes")
			}
			if v := verify(t, db, head); len(v.Findings) == 0 {
				t.Error("with the head from before it passes")
				return
			}
			found++
		})
	}
	t.Logf("P15: %d forged erasures: %d found", forged, found)
	t.Run("what forget really does", func(t *testing.T) {
		db := openRW(t, copyOf(t, path))
		forge(t, db, ledger.KindForget, forget, really)
		whole(t, verify(t, db, head))
	})
	t.Run("a chain that goes on in an older form", func(t *testing.T) {
		db := openRW(t, copyOf(t, path))
		forge(t, db, ledger.KindNames, nil, func(*sql.Tx, *ledger.Eraser) error { return nil })
		lines, heads := sealLines(t, db)
		n := len(lines)
		line := strings.Replace(lines[n-1], `,"format":2`, "", 1)
		content := strings.Split(line, "\n")[4]
		tamper(t, db, "UPDATE seal SET content = x'"+hex.EncodeToString([]byte(content))+"' || '', head = '"+headByHand(heads[n-2], line)+"' WHERE id = (SELECT max(id) FROM seal)")
		if v := verify(t, db, head); len(v.Findings) == 0 {
			t.Error("it passes")
		}
	})
}

// forgettable is a history with something in every table, in which user-1 has left.
func forgettable(t testing.TB) *DB {
	t.Helper()
	db := sealedHistory(t)
	leave(t, db, "user-1")
	return db
}
