package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
)

// wantPragmas are the settings that every connection must have, as SQLite
// reads them back.
var wantPragmas = map[string]string{
	"busy_timeout": "5000", "foreign_keys": "1", "trusted_schema": "0", "cell_size_check": "1", "mmap_size": "0",
	"recursive_triggers": "1", "secure_delete": "1", "synchronous": "2", "journal_mode": "wal",
}

func TestPragmas_EveryConnection(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	for name, db := range map[string]*DB{"read and write": openRW(t, path), "read only": openRO(t, path)} {
		for i := range 8 {
			c, err := db.sql.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() // not before the others are open
			for pragma, want := range wantPragmas {
				var got string
				if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s, connection %d: %s = %q, %v; want %s", name, i, pragma, got, err, want)
				}
			}
			if defensive(t, c) {
				continue
			}
			t.Errorf("%s, connection %d is not defensive: the schema can be written to", name, i)
		}
	}
}

// defensive reports whether a connection refuses to write to the schema's own
// table even when asked to.
func defensive(t *testing.T, c *sql.Conn) bool {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), "PRAGMA writable_schema = 1"); err != nil {
		t.Fatal(err)
	}
	_, err := c.ExecContext(t.Context(), "UPDATE sqlite_schema SET sql = sql WHERE 0")
	return err != nil && strings.Contains(err.Error(), "may not be modified")
}

// A pragma that is added to the data source must be checked above.
func TestPragmas_AllChecked(t *testing.T) {
	dsn, err := dataSource("history.db", "rwc")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range u.Query()["_pragma"] {
		if name, _, _ := strings.Cut(p, "("); wantPragmas[name] == "" {
			t.Errorf("%s is set and not checked", name)
		}
	}
}

// A history that somebody's tool took out of WAL mode is put back: otherwise
// readers would wait for writers.
func TestOpen_BackToWAL(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	rawSQL(t, path, "PRAGMA journal_mode = DELETE")
	if got := column(t, openRO(t, path), "PRAGMA journal_mode"); got[0] != "delete" {
		t.Fatalf("the mode is %s", got)
	}
	if got := column(t, openRW(t, path), "PRAGMA journal_mode"); got[0] != "wal" {
		t.Errorf("opened for writing, the mode is %s", got)
	}
}

// Who finds another process writing the first bytes of a file waits for it.
func TestOpen_WaitsForTheFirstWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	rawSQL(t, path, "")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() {
		_, err := other.Exec("ROLLBACK")
		ended <- err
	})
	openRW(t, path)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOpenReadOnly_ChangesNothing(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	path := db.Path()
	closeDB(t, db)
	before := stateOf(t, path)
	db = openRO(t, path)
	content(t, db)
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range h.Assignments(t.Context(), Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Begin(t.Context(), contoso, week(3), "test"); err == nil {
		t.Error("a run began in a history opened for reading")
	}
	if err := db.ImportNames(t.Context(), nil, nil); err == nil {
		t.Error("names were imported to a history opened for reading")
	}
	closeDB(t, db)
	if after := stateOf(t, path); after != before {
		t.Errorf("the file changed: %+v, then %+v", before, after)
	}
}

func TestOpenReadOnly_CreatesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"missing.db", "missing/history.db"} {
		if _, err := OpenReadOnly(t.Context(), filepath.Join(dir, name), migrations.Check); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantFiles(t, dir)
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), empty, migrations.Check); !errors.Is(err, migrations.ErrEmpty) {
		t.Errorf("an empty file: %v", err)
	}
	wantFiles(t, dir, "empty.db")
	if stateOf(t, empty).size != 0 {
		t.Error("an empty file was filled")
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

// The driver takes a URI, in which these characters mean something else.
func TestOpen_OddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a b.db", "a?b.db", "a#b.db", "a%b.db", "a%20b.db", "50% off?mode=memory#x.db", "a&_pragma=journal_mode(DELETE).db",
		"file:a.db", ":memory:", "été ☃.db", "a+b.db", "a;b'c.db", "dir?x/history.db",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			db := openRW(t, path)
			s := begin(t, db)
			commit(t, s, newcomer(s, "ann"))
			closeDB(t, db)
			wantFiles(t, filepath.Dir(path), filepath.Base(path))
			if n := count(t, openRO(t, path), "SELECT count(*) FROM users"); n != 1 {
				t.Errorf("opened again, it has %d users", n)
			}
		})
	}
}

func TestOpen_RelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	closeDB(t, openRW(t, "history.db"))
	wantFiles(t, dir, "history.db")
	closeDB(t, openRW(t, "./sub/history.db"))
	wantFiles(t, filepath.Join(dir, "sub"), "history.db")
}

func TestOpen_NotAPlainFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := newHistory(t)
	before := stateOf(t, target)
	link, dangling, folder := filepath.Join(dir, "link.db"), filepath.Join(dir, "dangling.db"), filepath.Join(dir, "folder.db")
	elsewhere := filepath.Join(dir, "elsewhere.db")
	if err := errors.Join(os.Symlink(target, link), os.Symlink(elsewhere, dangling), os.Mkdir(folder, 0o700)); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, path := range []string{link, dangling, folder} {
		if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, ErrNotPlainFile) {
			t.Errorf("%s for writing: %v", filepath.Base(path), err)
		}
		if path == dangling {
			continue // for reading there is nothing
		}
		if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotPlainFile) {
			t.Errorf("%s for reading: %v", filepath.Base(path), err)
		}
	}
	if _, err := os.Stat(elsewhere); err == nil {
		t.Error("a file was created through a dangling link")
	}
	if after := stateOf(t, target); after != before {
		t.Errorf("the link's target changed: %+v, then %+v", before, after)
	}
}

// What is not ours must stay as it is, to the byte, also by being opened for
// writing.
func TestOpen_WhatIsNotOurs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("Dear diary, "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrNotSQLite},
		{"another program's", func(t *testing.T, path string) { rawSQL(t, path, "CREATE TABLE bookmark (url TEXT)") }, migrations.ErrForeign},
		{"another program's, with its mark", func(t *testing.T, path string) { rawSQL(t, path, "PRAGMA application_id = 252006673") }, migrations.ErrForeign},
		{"a newer build's", func(t *testing.T, path string) {
			rawSQL(t, path, fmt.Sprintf("CREATE TABLE tomorrow (x); PRAGMA application_id = %d; PRAGMA user_version = %d", migrations.ApplicationID, migrations.Latest()+1))
		}, migrations.ErrNewer},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			test.make(t, path)
			before := stateOf(t, path)
			if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, test.want) {
				t.Errorf("for writing: %v", err)
			}
			if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, test.want) {
				t.Errorf("for reading: %v", err)
			}
			if after := stateOf(t, path); after != before {
				t.Errorf("the file changed: %+v, then %+v", before, after)
			}
			wantFiles(t, filepath.Dir(path), "history.db")
		})
	}
}

// rawSQL makes a database as another program would, without our pragmas.
func rawSQL(t *testing.T, path, statements string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	closeErr := f.Close()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	err = errors.Join(err, closeErr)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// Damage must be told as damage: never a panic, never another reason. Bits are
// not flipped here: SQLite keeps no checksums, and what a flip does to a value
// is not for it to see.
func TestOpen_DamagedPages(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	path := db.Path()
	closeDB(t, db)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	found := 0
	for i := range len(good) / page {
		for _, fill := range []byte{0, 0xff} {
			bad := slices.Clone(good)
			copy(bad[i*page:], bytes.Repeat([]byte{fill}, page))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			err := readAll(t, path)
			switch {
			case errors.Is(err, engine.ErrDamaged):
				found++
			case err != nil && i > 0:
				t.Errorf("page %d of %#x: %v", i+1, fill, err)
			}
		}
		if err := os.WriteFile(path, good[:i*page+page/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(t, path); err != nil && !errors.Is(err, engine.ErrDamaged) && i > 0 {
			t.Errorf("cut in page %d: %v", i+1, err)
		}
	}
	if pages := len(good) / page; found < pages {
		t.Errorf("of %d damaged pages only %d were found", 2*pages, found)
	}
}

// readAll reads everything that a report could ask for.
func readAll(t *testing.T, path string) error {
	db, err := OpenReadOnly(t.Context(), path, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Runs(t.Context()); err != nil {
		return err
	}
	if _, err := db.RowsByRun(t.Context()); err != nil {
		return err
	}
	h, err := db.History(t.Context())
	if err != nil {
		return err
	}
	defer h.Close()
	var errs []error
	for _, err := range h.Assignments(t.Context(), Filter{}) {
		errs = append(errs, err)
	}
	for _, err := range h.Periods(t.Context(), Filter{}) {
		errs = append(errs, err)
	}
	for _, err := range h.Changes(t.Context(), ChangeFilter{}) {
		errs = append(errs, err)
	}
	for _, err := range h.Events(t.Context(), EventFilter{}) {
		errs = append(errs, err)
	}
	for _, ask := range []func() error{
		func() error { _, err := h.SKUs(t.Context()); return err },
		func() error { _, err := h.GroupRows(t.Context()); return err },
		func() error { _, err := h.Coverage(t.Context()); return err },
		func() error { _, err := h.FindUsers(t.Context(), "ann"); return err },
		func() error { _, _, err := h.ImportedNames(t.Context()); return err },
		func() error { _, err := h.Allotments(t.Context()); return err },
		func() error { _, err := h.AllotmentAssignments(t.Context()); return err },
		func() error { _, err := h.WaitingMembers(t.Context()); return err },
		func() error { _, err := h.AssignmentErrors(t.Context()); return err },
		func() error { _, err := h.LicensingReads(t.Context()); return err },
	} {
		errs = append(errs, ask())
	}
	for _, err := range errs { // the first, so that no other hides behind it
		if err != nil && !errors.Is(err, engine.ErrDamaged) {
			return err
		}
	}
	return errors.Join(errs...)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got, err := openRW(t, newHistory(t)).Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Versions before 3.51.3 can lose a write when two connections reset the WAL.
	var a, b, c int
	if _, err := fmt.Sscanf(got, "%d.%d.%d", &a, &b, &c); err != nil {
		t.Fatalf("version %q: %v", got, err)
	}
	if a*1_000_000+b*1_000+c < 3_051_003 {
		t.Errorf("SQLite is %s; 3.51.3 is the first that does not corrupt the WAL", got)
	}
}

func TestTenant_Empty(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	if tenant, ok, err := db.Tenant(t.Context()); ok || err != nil {
		t.Errorf("an empty history is about %+v, %v", tenant, err)
	}
	if _, err := db.History(t.Context()); !errors.Is(err, ErrNoRun) {
		t.Errorf("an empty history answers: %v", err)
	}
	begin(t, db)
	if _, err := db.History(t.Context()); !errors.Is(err, ErrNoRun) {
		t.Errorf("a history without a complete run answers: %v", err)
	}
	if tenant, ok, err := db.Tenant(t.Context()); !ok || err != nil || cmp.Diff(contoso, tenant) != "" {
		t.Errorf("the history is about %+v, %t, %v", tenant, ok, err)
	}
}
