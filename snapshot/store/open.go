// Package store keeps a tenant's license history in a SQLite file. A run becomes
// history in one immediate transaction or not at all; what is history is never
// rewritten.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
	"lictrail/snapshot/store/ledger"
	"lictrail/snapshot/store/nameindex"
)

// DB is a license history.
type DB struct {
	sql  *sql.DB
	path string
}

// Schema prepares or checks the schema of a database that was just opened.
type Schema func(ctx context.Context, db *sql.DB) error

// OpenReadWrite opens the history at path for a run, creates the file, with
// mode 0600, if there is none, and applies the schema.
func OpenReadWrite(ctx context.Context, path string, apply Schema) (*DB, error) {
	empty, err := ensureFile(path)
	if err != nil {
		return nil, err
	}
	return open(ctx, path, "rwc", func(ctx context.Context, db *sql.DB) (err error) {
		defer func() { err = errors.Join(err, keepBeside(path)) }()
		if empty {
			if err := useWAL(ctx, db); err != nil {
				return err
			}
		}
		if err := apply(ctx, db); err != nil {
			return err
		}
		if err := useWAL(ctx, db); err != nil {
			return err
		}
		return nameindex.Build(ctx, db)
	})
}

// useWAL lets readers read while a run is written. The mode belongs to the
// file, not to the connection, and is written to it: hence only when the schema
// has shown that the file is ours, or there is nothing in it yet.
//
// The statement has begun to read when it asks to write, and then SQLite does not
// wait for another process, whatever the timeout. Who asks to write at once does.
func useWAL(ctx context.Context, db *sql.DB) error {
	for {
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		if err == nil {
			return nil
		}
		if errors.Is(engine.Classify(err), engine.ErrBusy) {
			if _, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE; ROLLBACK"); err == nil {
				continue
			}
		}
		return fmt.Errorf("set the journal mode: %w", err)
	}
}

// OpenReadOnly opens an existing history. It never creates or changes a file.
func OpenReadOnly(ctx context.Context, path string, check Schema) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %q: %w", path, ErrNoDatabase)
		}
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if _, err := plainFile(path, true); err != nil {
		return nil, err
	}
	return open(ctx, path, "ro", check)
}

func open(ctx context.Context, path, mode string, schema Schema) (*DB, error) {
	dsn, err := dataSource(path, mode)
	if err != nil {
		return nil, err
	}
	connect := engine.Open
	if mode != "ro" && ReadByGroup(path) {
		connect = engine.OpenForGroup
	}
	handle, err := connect(dsn)
	if err != nil {
		return nil, engine.Classify(fmt.Errorf("open %q: %w", path, err))
	}
	handle.SetMaxIdleConns(idleConnections)
	if err := schema(ctx, handle); err != nil {
		err = engine.Classify(errors.Join(fmt.Errorf("open %q: %w", path, err), handle.Close()))
		if errors.Is(err, engine.ErrDamaged) && !beginsAsSQLite(path) {
			err = fmt.Errorf("%w: %w", ErrNotSQLite, err)
		}
		return nil, err
	}
	return &DB{sql: handle, path: path}, nil
}

// idleConnections stay open between questions that are asked at the same time: to
// open one costs more than most questions.
const idleConnections = 16

// dataSource sets every pragma of a connection through the DSN: a PRAGMA
// statement would reach one connection of the pool. recursive_triggers makes
// INSERT OR REPLACE fire the triggers that keep history append-only.
func dataSource(path, mode string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolve %q: %w", path, err)
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows drive
	}
	pragmas := []string{
		"busy_timeout(5000)", "foreign_keys(1)", "trusted_schema(0)", "cell_size_check(1)",
		"mmap_size(0)", "recursive_triggers(1)", "secure_delete(1)", "synchronous(FULL)",
	}
	query := url.Values{"mode": {mode}, "_pragma": pragmas, "_defensive": {"1"}}
	if mode != "ro" {
		// A transaction that reads and then writes would otherwise fail busy,
		// whatever the timeout, when another writer came between.
		query.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}).String(), nil
}

// ensureFile creates the folder with mode 0700 and the file with mode 0600, unless
// [OpenToGroup] has, before SQLite can create them with the umask's. It reports whether the file is
// empty.
func ensureFile(path string) (empty bool, err error) {
	folder := filepath.Dir(path)
	_, err = os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(folder, 0o700); err == nil {
			err = keep(folder)
		}
	}
	if err != nil {
		return false, engine.Placed(fmt.Errorf("create the database's folder: %w", err))
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		info, err := plainFile(path, false)
		return err == nil && info.Size() == 0, err
	}
	if err != nil {
		return false, engine.Placed(fmt.Errorf("create the database: %w", err))
	}
	if err := errors.Join(f.Close(), keep(path)); err != nil { // there is nothing in it yet
		return false, engine.Placed(fmt.Errorf("create the database: %w", err))
	}
	return true, nil
}

// plainFile refuses what is not an ordinary file of the owner's alone, or open to a
// group for reading: through a symbolic link the history could be written where
// somebody else can read it.
func plainFile(path string, reading bool) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	for _, suffix := range besides {
		if err := mustBePrivate(path, suffix, reading); err != nil {
			return nil, err
		}
	}
	return info, refuseOpen(path)
}

// besides are the files of a database, by what follows its name.
var besides = []string{"", "-wal", "-shm", "-journal"}

// mustBePrivate refuses a file that others may read or write, or that is somebody
// else's, and what is no ordinary file beside the database. A database that is open
// to a group may be read by its owner and by that group. On Windows a file's mode
// does not say who may read it: see refuseOpen.
func mustBePrivate(database, suffix string, reading bool) error {
	path := database + suffix
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	perm := info.Mode().Perm()
	shared := perm&^groupFile == 0 && ReadByGroup(database)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("open %q: %w", path, ErrNotPlainFile)
	case runtime.GOOS != "windows" && perm&0o077 != 0 && !shared && !somebodyElses(database):
		return fmt.Errorf("open %q, which has mode %04o: %w", path, perm, ErrNotPrivate)
	case ownedByOther(info) && !(shared && reading && !mayAnything()) && !somebodyElses(database):
		return fmt.Errorf("open %q: %w", path, ErrNotOwner)
	}
	return nil
}

// mark is what stands in the header of a history: migrations.ApplicationID.
const mark = "LicT"

// magic is what every SQLite database begins with:
// https://www.sqlite.org/fileformat2.html#magic_header_string.
const magic = "SQLite format 3\x00"

// beginsAsSQLite reports whether a file has the first bytes of a SQLite
// database, or cannot be read.
func beginsAsSQLite(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	begin := make([]byte, len(magic))
	n, err := io.ReadFull(f, begin)
	return string(begin[:n]) == magic || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// somebodyElses reports whether a file is a database or a text of another
// program's: what is wrong with it is then not who may read it.
func somebodyElses(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	header := make([]byte, 72)
	n, _ := io.ReadFull(f, header)
	return n > 0 && string(header[68:]) != mark
}

// Close closes the history.
func (db *DB) Close() error { return db.sql.Close() }

// Path is the file that holds the history.
func (db *DB) Path() string { return db.path }

// Tenant returns the tenant that the history is about; ok is false while the
// history is empty.
func (db *DB) Tenant(ctx context.Context) (t snapshot.Tenant, ok bool, err error) {
	return tenantOf(ctx, db.sql)
}

func tenantOf(ctx context.Context, q engine.Querier) (t snapshot.Tenant, ok bool, err error) {
	err = q.QueryRowContext(ctx, "SELECT object_id, name FROM tenant").Scan(&t.ID, &t.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	return t, err == nil, engine.Classify(err)
}

// Version is SQLite's own version, as it runs.
func (db *DB) Version(ctx context.Context) (string, error) {
	var v string
	err := db.sql.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v)
	return v, engine.Classify(err)
}

// leastRoom is in bytes: no run does with less, nearly every one needs more.
const leastRoom = 64 << 10

// MayWrite reports what would keep any run from being recorded: that the history
// may not be written, that somebody else is writing it, or that nothing more fits
// on the disk. It begins to write, and takes all of it back.
func (db *DB) MayWrite(ctx context.Context) error {
	tx, err := ledger.Begin(ctx, db.sql)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE run SET status = status WHERE FALSE") // to begin is allowed where to write is not
	if err = errors.Join(err, tx.Rollback()); err != nil {
		return engine.Classify(fmt.Errorf("write to %q: %w", db.path, err))
	}
	sp, err := intake.NewSpool(db.path)
	if err != nil {
		return err
	}
	if err = errors.Join(sp.Fill(leastRoom), sp.Close()); err != nil {
		return engine.Classify(fmt.Errorf("write beside the database: %w", err))
	}
	return nil
}
