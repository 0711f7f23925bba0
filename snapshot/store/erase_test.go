package store

import (
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// leave commits a run after which a user is gone, and which changes nothing else.
func leave(t testing.TB, db *DB, id snapshot.UserID) {
	t.Helper()
	s := begin(t, db)
	known, err := s.Known(t.Context(), id, rowOf(t, db, id))
	if err != nil {
		t.Fatal(err)
	}
	d := snapshot.Delta{ID: id, Attributes: true, New: snapshot.User{ID: id, Presence: snapshot.Gone, Attributes: known.Attributes}}
	for key := range known.Spans {
		d.Closed = append(d.Closed, key)
	}
	commit(t, s, d)
}

func rowOf(t testing.TB, db *DB, id snapshot.UserID) (row int64) {
	t.Helper()
	if err := db.sql.QueryRowContext(t.Context(), "SELECT id FROM user WHERE object_id = ?", engine.UserKey(id)).Scan(&row); err != nil {
		t.Fatalf("user %s: %v", id, err)
	}
	return row
}

// Rows that no seal covers are erased without a row in table erased: that is no
// tampering, today and in a history that an earlier version wrote.
func TestErase_ActivityIsNoTampering(t *testing.T) {
	t.Parallel()
	for name, erase := range map[string]func(db *DB) (*ledger.Erased, error){
		"forget": func(db *DB) (*ledger.Erased, error) { return db.Forget(t.Context(), rowOf(t, db, "ann")) },
		"prune":  func(db *DB) (*ledger.Erased, error) { return db.Prune(t.Context(), week(3)) },
	} {
		t.Run(name, func(t *testing.T) {
			db := twoUsers(t)
			activeRun(t, db, signIns(week(2), map[snapshot.UserID]time.Time{"ann": week(1), "bob": week(1)}))
			leave(t, db, "ann")
			erased, err := erase(db)
			if err != nil {
				t.Fatal(err)
			}
			if erased.Rows["active_time"] == 0 {
				t.Fatal("no active time was erased")
			}
			whole(t, verify(t, db, ""))
			activeRun(t, db, signIns(week(4), map[snapshot.UserID]time.Time{"bob": week(4)}))
			whole(t, verify(t, db, ""))
		})
	}
}
