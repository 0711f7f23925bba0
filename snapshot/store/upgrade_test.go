package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// downgrade makes of a history what a version before the cells would have written:
// seals of rows only, and erasures that do not say what they touched.
func downgrade(t *testing.T, db *DB) {
	t.Helper()
	tamper(t, db, "UPDATE erased SET cells = NULL")
	lines, _ := sealLines(t, db)
	var statements []string
	head, erased := "", int64(0)
	for i, line := range lines {
		parts := strings.Split(line, "\n") // id, at, kind, run, content
		var content struct {
			Rows    map[string]any    `json:"rows,omitempty"`
			Numbers map[string]int64  `json:"numbers"`
			Whole   map[string]string `json:"whole"`
			Erased  map[string]int64  `json:"erased,omitempty"`
			Detail  json.RawMessage   `json:"detail,omitempty"`
			Prints  string            `json:"row_prints,omitempty"`
		}
		if err := json.Unmarshal([]byte(parts[4]), &content); err != nil {
			t.Fatal(err)
		}
		if content.Rows["erased"] != nil {
			content.Rows["erased"] = digestOfErased(t, db, erased, content.Numbers["erased"])
		}
		erased = content.Numbers["erased"]
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		parts[4] = string(text)
		head = headByHand(head, strings.Join(parts, "\n"))
		statements = append(statements, fmt.Sprintf("UPDATE seal SET content = '%s', head = '%s' WHERE id = %d", text, head, i+1))
		if parts[2] == ledger.KindEnd || parts[2] == ledger.KindTried {
			statements = append(statements, fmt.Sprintf("UPDATE run SET head = '%s' WHERE id = %s", head, parts[3]))
		}
	}
	tamper(t, db, statements...)
}

// digestOfErased digests the rows of table erased after one number, up to another.
func digestOfErased(t *testing.T, db *DB, after, last int64) any {
	t.Helper()
	sum, rows := sha256.New(), 0
	columns := []string{"after", "before", "cells", "id", "row_key", "table_name"}
	err := engine.EachRow(t.Context(), db.sql, "SELECT "+strings.Join(columns, ", ")+" FROM erased WHERE id > ? AND id <= ? ORDER BY id", []any{after, last}, func(values []any) error {
		row, _ := snapshot.RowDigest("erased", columns, values)
		sum.Write(append([]byte{'B'}, row[:]...))
		rows++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"rows": rows, "sha256": hex.EncodeToString(sum.Sum(nil))}
}

// A history that an earlier version wrote, and erased from in its own way, verifies
// before and after it is gone on with; from then on an erasure is held to what it
// leaves in the old rows, too.
func TestUpgrade_EarlierSeals(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"run", "forget", "prune"} {
		t.Run(first, func(t *testing.T) {
			db := forgettable(t)
			leave(t, db, "user-2")
			// as an earlier version left it: what stood around a name stayed
			row := rowOf(t, db, "user-1")
			forge(t, db, ledger.KindForget, forgotten(row), func(_ *sql.Tx, e *ledger.Eraser) error {
				if err := e.User(ledger.Forgetting(row, 0)); err != nil {
					return err
				}
				return e.Redact(e.Layout("attribution"), []any{int64(1)}, map[string]any{"reason": "By forgotten-1, in the portal.", "salt": nil})
			})
			downgrade(t, db)
			old := verify(t, db, "")
			whole(t, old)
			switch first {
			case "run":
				begin(t, db)
			case "forget":
				if _, err := db.Forget(t.Context(), rowOf(t, db, "user-2")); err != nil {
					t.Fatal(err)
				}
			case "prune":
				if _, err := db.Prune(t.Context(), week(9)); err != nil {
					t.Fatal(err)
				}
			}
			v := verify(t, db, old.Head)
			whole(t, v)
			forge(t, db, ledger.KindPrune, prunedBefore("2030-01-01T00:00:00Z"), func(_ *sql.Tx, e *ledger.Eraser) error {
				return e.Redact(e.Layout("attribution"), []any{int64(2)}, map[string]any{"reason": "It was eve."})
			})
			if len(verify(t, db, v.Head).Findings) == 0 {
				t.Error("an alteration that is called a prune passes with a head from after the upgrade")
			}
		})
	}
}
