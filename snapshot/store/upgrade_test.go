package store

import (
	"encoding/json"
	"fmt"
	"testing"
)

// downgrade makes of a history what a version before the cells would have written:
// seals of rows only, and erasures that do not say what they touched.
func downgrade(t *testing.T, db *DB) {
	t.Helper()
	tamper(t, db, "UPDATE erased SET cells = NULL")
	all, err := layouts(t.Context(), db.sql)
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	before := &seal{}
	for i := range count(t, db, "SELECT count(*) FROM seal") {
		s, err := scanSeal(db.sql.QueryRowContext(t.Context(), "SELECT "+sealColumns+" FROM seal WHERE id = ?", i+1))
		if err != nil {
			t.Fatal(err)
		}
		s.content.Cells, s.content.Format = nil, 0
		for _, l := range all {
			if l.name != "erased" || s.content.Rows["erased"].Rows == 0 {
				continue
			}
			b := newBook(l)
			b.number = func(int64) int64 { return s.ID }
			if err := b.read(t.Context(), db.sql, "WHERE id > ? AND id <= ?", []any{before.content.Numbers["erased"], s.content.Numbers["erased"]}, false); err != nil {
				t.Fatal(err)
			}
			s.content.Rows["erased"] = b.sums[s.ID].digest()
		}
		text, err := json.Marshal(s.content)
		if err != nil {
			t.Fatal(err)
		}
		s.text = string(text)
		s.Head = s.headAfter(before.Head)
		statements = append(statements, fmt.Sprintf("UPDATE seal SET content = '%s', head = '%s' WHERE id = %d", s.text, s.Head, s.ID))
		if s.ends() {
			statements = append(statements, fmt.Sprintf("UPDATE run SET head = '%s' WHERE id = %d", s.Head, s.Run))
		}
		before = s
	}
	tamper(t, db, statements...)
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
			forge(t, db, sealForget, forgetDetail{User: row}, func(e *eraser) error {
				if err := e.user(&purpose{kind: sealForget, user: row, name: standIn(row, 0)}); err != nil {
					return err
				}
				return e.redact(e.layout("attribution"), []any{int64(1)}, map[string]any{"reason": "By forgotten-1, in the portal.", "salt": nil})
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
			forge(t, db, sealPrune, pruneDetail{"2030-01-01T00:00:00Z"}, func(e *eraser) error {
				return e.redact(e.layout("attribution"), []any{int64(2)}, map[string]any{"reason": "It was eve."})
			})
			if len(verify(t, db, v.Head).Findings) == 0 {
				t.Error("an alteration that is called a prune passes with a head from after the upgrade")
			}
		})
	}
}
