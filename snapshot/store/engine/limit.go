package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// MaxValue bounds the bytes of a value, and of a row. The longest that lictrail
// writes is an audit record, of some hundred kilobytes. Without a bound one value
// in a file that somebody else gave would take as much memory as it likes.
const MaxValue = 16 << 20

// Open opens a database whose connections refuse longer values, when they are
// read as well as when they are written.
func Open(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(limited{c, false}), nil
}

// OpenForGroup is Open for writing a database that a group may read: -wal and -shm
// stay when it is closed, since the group cannot make them, and SQLite cannot read
// without them.
func OpenForGroup(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(limited{c, true}), nil
}

// limited is a connector that sets the limit on each connection.
type limited struct {
	driver.Connector
	keepWAL bool
}

// Connect opens a connection.
func (l limited) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := limitValues(ctx, l.Driver(), c); err != nil {
		return nil, err
	}
	if control, ok := c.(sqlite.FileControl); ok && l.keepWAL {
		if _, err := control.FileControlPersistWAL("main", 1); err != nil {
			return nil, fmt.Errorf("keep the write-ahead log: %w", err)
		}
	}
	return c, nil
}

// limitValues sets the limit. The driver offers that for a connection of a pool
// only, so the connection is lent to a pool of its own, which is closed without
// its being given back, and so without its being closed.
func limitValues(ctx context.Context, d driver.Driver, c driver.Conn) error {
	pool := sql.OpenDB(lent{d, c})
	defer pool.Close()
	held, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	_, err = sqlite.Limit(held, sqlite3.SQLITE_LIMIT_LENGTH, MaxValue)
	return err
}

// lent is a connector that hands on one connection.
type lent struct {
	driver driver.Driver
	conn   driver.Conn
}

// Connect returns the connection.
func (l lent) Connect(context.Context) (driver.Conn, error) { return l.conn, nil }

// Driver returns the driver of the connection.
func (l lent) Driver() driver.Driver { return l.driver }

// Version is the version of SQLite that this program contains, as it runs, and
// the id of the source that it was made from. It needs no database.
func Version(ctx context.Context) (version, sourceID string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT sqlite_version(), sqlite_source_id()").Scan(&version, &sourceID)
	return version, sourceID, err
}
