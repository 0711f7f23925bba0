package intake

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"

	"lictrail/snapshot/store/engine"
)

// Writer runs the statements of one transaction, each prepared once, and adds
// rows in bulk.
type Writer struct {
	ctx      context.Context
	tx       *sql.Tx
	stmts    map[string]*sql.Stmt
	digestOf func(table string, columns []string) Digest // may return nil
	waiting  []*waiting
	adding   chan error // of rows that are being added; nil: none are
	gate     gate       // for every statement, be it while rows are being added
}

// Digest digests rows while they are added.
type Digest interface{ Add(values []any) error }

// NewWriter makes a writer for a transaction. For a context that can end the
// driver starts a goroutine for each statement, so the statements run to their end.
func NewWriter(ctx context.Context, tx *sql.Tx, digestOf func(table string, columns []string) Digest) *Writer {
	return &Writer{ctx: context.WithoutCancel(ctx), tx: tx, stmts: map[string]*sql.Stmt{}, digestOf: digestOf}
}

// Pass runs what is not one of the writer's own statements, unless one has failed.
func (w *Writer) Pass(do func() error) error { return w.gate.pass(do) }

// waiting are rows of a table that are yet to be added. Nothing may ask for them
// before.
type waiting struct {
	table     string
	columns   []string
	full, one *sql.Stmt // add AtOnce rows, and one
	values    []any     // row after row
	digest    Digest    // nil: nobody digests the rows while they are added
}

// addition is a statement, and what it is to add.
type addition struct {
	statement *sql.Stmt
	values    []any
}

// Later adds a row to a table, together with others.
func (w *Writer) Later(table string, columns []string, values ...any) error {
	t, err := w.rowsOf(table, columns)
	if err != nil {
		return err
	}
	t.values = append(t.values, values...)
	if t.digest == nil {
		return nil
	}
	return t.digest.Add(values)
}

// LaterInOrder adds rows of which only the end of the key differs, in the order
// of the keys. Columns begin with the key.
func (w *Writer) LaterInOrder(table string, columns []string, rows [][]any) error {
	slices.SortFunc(rows, engine.CompareKeys)
	for _, values := range rows {
		if err := w.Later(table, columns, values...); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) rowsOf(table string, columns []string) (*waiting, error) {
	for _, t := range w.waiting {
		if t.table == table {
			return t, nil
		}
	}
	full, err := w.prepare(engine.Insertion(table, columns, engine.AtOnce))
	if err != nil {
		return nil, err
	}
	one, err := w.prepare(engine.Insertion(table, columns, 1))
	if err != nil {
		return nil, err
	}
	t := &waiting{table: table, columns: columns, full: full, one: one}
	if w.digestOf != nil {
		t.digest = w.digestOf(table, columns)
	}
	w.waiting = append(w.waiting, t)
	return t, nil
}

// InsertFull adds all users and profiles, since other rows refer to them, and of
// those what fills whole statements.
func (w *Writer) InsertFull() error {
	var additions []addition
	for _, t := range w.waiting {
		if t.table == "user" || t.table == "profile" {
			additions = t.cut(t.cut(additions, t.full, engine.AtOnce), t.one, 1)
		}
	}
	for _, t := range w.waiting {
		additions = t.cut(additions, t.full, engine.AtOnce)
	}
	return w.add(additions)
}

// InsertRest adds all that waits, and waits for it.
func (w *Writer) InsertRest() error {
	if err := w.InsertFull(); err != nil {
		return err
	}
	var additions []addition
	for _, t := range w.waiting {
		additions = t.cut(additions, t.one, 1)
	}
	if err := w.add(additions); err != nil {
		return err
	}
	return w.Settle()
}

// take takes rows for a statement that adds so many, while there are as many.
func (t *waiting) cut(additions []addition, statement *sql.Stmt, rows int) []addition {
	n := rows * len(t.columns)
	whole := len(t.values) / n * n
	taken := slices.Clone(t.values[:whole])
	t.values = append(t.values[:0], t.values[whole:]...)
	for values := range slices.Chunk(taken, n) {
		additions = append(additions, addition{statement, values})
	}
	return additions
}

// add adds rows while the next are being made, after those before.
func (w *Writer) add(additions []addition) error {
	if err := w.Settle(); err != nil || len(additions) == 0 {
		return err
	}
	w.adding = make(chan error, 1)
	go func(added chan<- error) { added <- w.addAll(additions) }(w.adding)
	return nil
}

func (w *Writer) addAll(additions []addition) error {
	for _, a := range additions {
		err := w.Pass(func() error {
			_, err := a.statement.ExecContext(w.ctx, a.values...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Settle waits until everything that add was given has been added.
func (w *Writer) Settle() error {
	if w.adding == nil {
		return nil
	}
	err := <-w.adding
	w.adding = nil
	return err
}

// gate lets one statement through at a time, and none after one that failed. A
// failing or full disk makes SQLite take the whole transaction back by itself:
// what came after would stand alone, and be kept, without a seal.
type gate struct {
	one    sync.Mutex
	failed error
}

func (g *gate) pass(statement func() error) error {
	g.one.Lock()
	defer g.one.Unlock()
	if g.failed == nil {
		g.failed = statement()
	}
	return g.failed
}

// Exec runs a statement, prepared once.
func (w *Writer) Exec(query string, args ...any) (result sql.Result, err error) {
	stmt, err := w.prepare(query)
	if err != nil {
		return nil, err
	}
	err = w.Pass(func() error {
		result, err = stmt.ExecContext(w.ctx, args...)
		return err
	})
	return result, err
}

func (w *Writer) QueryRow(query string, dest []any, args ...any) error {
	stmt, err := w.prepare(query)
	if err != nil {
		return err
	}
	none := false
	err = w.Pass(func() error {
		err := stmt.QueryRowContext(w.ctx, args...).Scan(dest...)
		if none = errors.Is(err, sql.ErrNoRows); none {
			return nil
		}
		return err
	})
	if none {
		return sql.ErrNoRows
	}
	return err
}

func (w *Writer) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := w.tx.PrepareContext(w.ctx, query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = stmt
	return stmt, nil
}
