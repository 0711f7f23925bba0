package migrations

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot/store"
)

// open opens a database as lictrail does, with a migration of the test's own.
func open(ctx context.Context, path string, apply store.Schema) error {
	db, err := store.OpenReadWrite(ctx, path, apply)
	if err != nil {
		return err
	}
	return db.Close()
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "history.db") }

// applyUpTo is Apply as a build knew it that had only the first n files.
func applyUpTo(n int) store.Schema {
	return func(ctx context.Context, db *sql.DB) error { return upTo(ctx, db, n) }
}

// inspect opens a database and reads from it, whatever its schema.
func inspect(t *testing.T, path string, read func(db *sql.DB) error) {
	t.Helper()
	err := open(t.Context(), path, func(_ context.Context, db *sql.DB) error { return read(db) })
	if err != nil {
		t.Fatal(err)
	}
}

// schemaOf is everything that a migration makes: the header and all objects.
func schemaOf(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	inspect(t, path, func(db *sql.DB) error {
		for _, pragma := range []string{"application_id", "user_version"} {
			var n int
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&n); err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s %d\n", pragma, n)
		}
		rows, err := db.QueryContext(t.Context(), "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY rowid")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kind, name, text string
			if err := rows.Scan(&kind, &name, &text); err != nil {
				return err
			}
			fmt.Fprintln(&b, kind, name, text)
		}
		return rows.Err()
	})
	return b.String()
}

func execute(t *testing.T, path, statements string) {
	t.Helper()
	inspect(t, path, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), statements)
		return err
	})
}

func TestNames_NoGaps(t *testing.T) {
	all := names()
	if len(all) < 2 || len(all) != Latest() {
		t.Fatalf("%d files, the latest version is %d", len(all), Latest())
	}
	for i, name := range all {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("file %d is %s; it must begin with %s", i+1, name, want)
		}
	}
	onDisk, err := filepath.Glob("*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(onDisk, all) {
		t.Errorf("the folder holds %v, the build %v", onDisk, all)
	}
}

func TestApply_EmptyToLatest(t *testing.T) {
	path := newPath(t)
	err := open(t.Context(), path, func(ctx context.Context, db *sql.DB) error {
		if err := Check(ctx, db); !errors.Is(err, ErrEmpty) {
			t.Errorf("before: %v", err)
		}
		if err := Apply(ctx, db); err != nil {
			return err
		}
		return Check(ctx, db)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("application_id %d\nuser_version %d\n", ApplicationID, Latest())
	if got := schemaOf(t, path); !strings.HasPrefix(got, want) {
		t.Errorf("the header is %.60q, want %q", got, want)
	}
	header, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := header[68:72]; string(got) != "LicT" { // where file(1) looks
		t.Errorf("the file is marked %q", got)
	}
}

func TestApply_Twice(t *testing.T) {
	path := newPath(t)
	if err := open(t.Context(), path, Apply); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t.Context(), path, Apply); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("migrating what is migrated changed the file")
	}
}

// A database of each earlier version must arrive at the same schema as a new one.
func TestApply_FromEveryVersion(t *testing.T) {
	fresh := newPath(t)
	if err := open(t.Context(), fresh, Apply); err != nil {
		t.Fatal(err)
	}
	want := schemaOf(t, fresh)
	for n := 1; n < Latest(); n++ {
		path := newPath(t)
		if err := open(t.Context(), path, applyUpTo(n)); err != nil {
			t.Fatal(err)
		}
		err := open(t.Context(), path, func(ctx context.Context, db *sql.DB) error {
			if err := Check(ctx, db); !errors.Is(err, ErrOlder) {
				t.Errorf("version %d: %v", n, err)
			}
			return Apply(ctx, db)
		})
		if err != nil {
			t.Errorf("from version %d: %v", n, err)
		}
		if d := cmp.Diff(want, schemaOf(t, path)); d != "" {
			t.Errorf("from version %d (-new +migrated):\n%s", n, d)
		}
	}
}

func TestRefused_Untouched(t *testing.T) {
	for _, test := range []struct {
		name, statements string
		want             error
	}{
		{"newer", fmt.Sprintf("PRAGMA user_version = %d", Latest()+1), ErrNewer},
		{"newer, with tables of its own", fmt.Sprintf("CREATE TABLE tomorrow (x); PRAGMA user_version = %d", Latest()+7), ErrNewer},
		{"another program's mark", "PRAGMA application_id = 252006673", ErrForeign},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := newPath(t)
			if err := open(t.Context(), path, Apply); err != nil {
				t.Fatal(err)
			}
			execute(t, path, test.statements)
			untouched(t, path, test.want)
		})
	}
	for _, statements := range []string{"CREATE TABLE bookmark (url TEXT)", "CREATE TABLE run (id INTEGER)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"} {
		t.Run(statements, func(t *testing.T) {
			path := newPath(t)
			execute(t, path, statements)
			untouched(t, path, ErrForeign)
		})
	}
}

func untouched(t *testing.T, path string, want error) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range map[string]store.Schema{"Apply": Apply, "Check": Check} {
		if err := open(t.Context(), path, schema); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
}

// A step that fails half-way must leave the version before it, whole.
func TestApply_FailsInTheMiddle(t *testing.T) {
	for to := 2; to <= Latest(); to++ {
		path := newPath(t)
		if err := open(t.Context(), path, applyUpTo(to-1)); err != nil {
			t.Fatal(err)
		}
		last := lastObject(t, to)
		if last == "" {
			continue // one statement has no middle, and nothing stands in the way of what is made anew
		}
		execute(t, path, "CREATE TABLE "+last+" (in_the_way)")
		before := schemaOf(t, path)
		if err := open(t.Context(), path, applyUpTo(Latest())); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d", to)) {
			t.Errorf("with %s in the way: %v", last, err)
		}
		if d := cmp.Diff(before, schemaOf(t, path)); d != "" {
			t.Errorf("step %d (-before +after):\n%s", to, d)
		}
		execute(t, path, "DROP TABLE "+last)
		if err := open(t.Context(), path, Apply); err != nil {
			t.Errorf("with nothing in the way: %v", err)
		}
	}
}

// lastObject names the last table, view or index that a step makes, so that all the
// others are made before it fails. What it makes anew is not in its way.
func lastObject(t *testing.T, version int) string {
	t.Helper()
	text, err := fs.ReadFile(files, names()[version-1])
	if err != nil {
		t.Fatal(err)
	}
	last, dropped, anew := "", map[string]bool{}, false
	for line := range strings.Lines(string(text)) {
		if what, ok := strings.CutPrefix(strings.TrimSpace(line), "DROP "); ok {
			dropped[what] = true
		}
		if f := strings.Fields(line); len(f) > 2 && f[0] == "CREATE" && (f[1] == "TABLE" || f[1] == "VIEW" || f[1] == "INDEX") {
			if dropped[f[1]+" "+f[2]+";"] {
				anew = true
				continue
			}
			last = strings.TrimSuffix(f[2], "(")
		}
	}
	if statements := strings.Count(string(text), ";\n"); last == "" && statements > 1 && !anew {
		t.Fatalf("%s makes no table, view or index", names()[version-1])
	}
	return last
}

func TestApply_Canceled(t *testing.T) {
	for after := range Latest() {
		path := newPath(t)
		err := open(t.Context(), path, func(ctx context.Context, db *sql.DB) error {
			if err := applyUpTo(after)(ctx, db); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return Apply(ctx, db)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled at version %d: %v", after, err)
		}
		if got := schemaOf(t, path); !strings.Contains(got, fmt.Sprintf("user_version %d\n", after)) {
			t.Errorf("canceled at version %d: %.60q", after, got)
		}
	}
}

// asProcess makes the test binary migrate a file and exit.
const asProcess = "LICTRAIL_TEST_MIGRATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(asProcess); path != "" {
		if err := open(context.Background(), path, Apply); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Everyone who migrates at once must succeed, and the file be as if one had.
func TestApply_AllAtOnce(t *testing.T) {
	fresh := newPath(t)
	if err := open(t.Context(), fresh, Apply); err != nil {
		t.Fatal(err)
	}
	want := schemaOf(t, fresh)
	for from := range Latest() {
		for who, migrate := range map[string]func(*testing.T, string) error{"goroutines": migrateHere, "processes": migrateElsewhere} {
			t.Run(fmt.Sprintf("%s from version %d", who, from), func(t *testing.T) {
				path := newPath(t)
				prepare(t, path, from, who == "goroutines")
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						if err := migrate(t, path); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if d := cmp.Diff(want, schemaOf(t, path)); d != "" {
					t.Errorf("(-one +all at once):\n%s", d)
				}
			})
		}
	}
}

// prepare brings a file to a version; for 0 it leaves none, or an empty one:
// who creates a file and closes it drops the locks that others of the same
// process hold on it, which no two commands do.
func prepare(t *testing.T, path string, version int, empty bool) {
	t.Helper()
	var err error
	switch {
	case version > 0:
		err = open(t.Context(), path, applyUpTo(version))
	case empty:
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func migrateHere(t *testing.T, path string) error { return open(t.Context(), path, Apply) }

func migrateElsewhere(t *testing.T, path string) error {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asProcess+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
