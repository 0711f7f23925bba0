package store

import (
	"database/sql"
	"errors"
	"runtime"
	"strings"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// P16: a value that somebody else has put into the file does not take the memory
// that it asks for, whichever table it is in: verify finds it.
func TestP16_PlantedValues(t *testing.T) {
	original := sealedHistory(t)
	path := original.Path()
	closeDB(t, original)
	const most = 16 << 20
	tried, took := 0, uint64(0)
	for name, statement := range map[string]string{
		"a record":   "UPDATE event SET raw = replace(hex(zeroblob(9437184)), '0', 'x') WHERE id = 1",
		"a blob":     "UPDATE erased SET before = zeroblob(18874368) WHERE 0; UPDATE pseudonym_key SET key = zeroblob(18874368)",
		"a seal":     "UPDATE seal SET content = replace(hex(zeroblob(9437184)), '0', ' ') WHERE id = 2",
		"a warning":  "UPDATE run SET warnings = replace(hex(zeroblob(9437184)), '0', ' ') WHERE id = 1",
		"a sentence": "UPDATE attribution SET reason = replace(hex(zeroblob(9437184)), '0', 'x') WHERE id = 1",
	} {
		t.Run(name, func(t *testing.T) {
			copied := copyOf(t, path)
			plant(t, copied, statement)
			db := openRO(t, copied)
			before := allocated()
			v, err := db.Verify(t.Context(), migrations.Apply, "")
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range v.Findings {
				found = found || strings.Contains(f.What, engine.ErrTooLong.Error())
			}
			if !found {
				t.Errorf("findings: %v", v.Findings)
			}
			used := allocated() - before
			if used > most {
				t.Errorf("verify allocated %d MB", used>>20)
			}
			tried, took = tried+1, max(took, used)
		})
	}
	t.Logf("P16: %d values of 18 MB: found, %d MB allocated at most", tried, took>>20)
}

// plant changes a file by a driver without the limit.
func plant(t *testing.T, path, statement string) {
	t.Helper()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	tx, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Unguarded(t.Context(), tx, func() error { _, err := tx.ExecContext(t.Context(), statement); return err }); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Nothing that could not be read again is written.
func TestLimit_Write(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	_, err := db.sql.ExecContext(t.Context(), "INSERT INTO sku_name VALUES ('x', '', ?)", strings.Repeat("x", engine.MaxValue))
	if !errors.Is(engine.Classify(err), engine.ErrTooLong) {
		t.Errorf("a name of %d bytes: %v", engine.MaxValue, err)
	}
}
