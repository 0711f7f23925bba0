package store

import (
	"database/sql"
	"slices"
)

// atOnce is how many rows a statement adds. For one row of its own SQLite looks
// up tables and opens cursors anew, which takes about as long as adding it.
const atOnce = 64

// waiting are rows of a table that are yet to be added. Nothing may ask for them
// before.
type waiting struct {
	table     string
	columns   []string
	full, one *sql.Stmt // add atOnce rows, and one
	values    []any     // row after row
	fresh     *fresh    // nil: the table is read back to be sealed
}

// addition is a statement, and what it is to add.
type addition struct {
	statement *sql.Stmt
	values    []any
}

// later adds a row to a table, together with others.
func (w *writer) later(table string, columns []string, values ...any) error {
	t, err := w.rowsOf(table, columns)
	if err != nil {
		return err
	}
	t.values = append(t.values, values...)
	return t.fresh.add(values)
}

// laterInOrder adds rows of which only the end of the key differs, in the order
// of the keys. Columns begin with the key.
func (w *writer) laterInOrder(table string, columns []string, rows [][]any) error {
	slices.SortFunc(rows, compareKeys)
	for _, values := range rows {
		if err := w.later(table, columns, values...); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) rowsOf(table string, columns []string) (*waiting, error) {
	for _, t := range w.waiting {
		if t.table == table {
			return t, nil
		}
	}
	full, err := w.prepare(insertion(table, columns, atOnce))
	if err != nil {
		return nil, err
	}
	one, err := w.prepare(insertion(table, columns, 1))
	if err != nil {
		return nil, err
	}
	t := &waiting{table: table, columns: columns, full: full, one: one, fresh: w.freshOf(table, columns)}
	w.waiting = append(w.waiting, t)
	return t, nil
}

// insertFull adds all users and profiles, since other rows refer to them, and of
// those what fills whole statements.
func (w *writer) insertFull() error {
	var additions []addition
	for _, t := range w.waiting {
		if t.table == "user" || t.table == "profile" {
			additions = t.take(t.take(additions, t.full, atOnce), t.one, 1)
		}
	}
	for _, t := range w.waiting {
		additions = t.take(additions, t.full, atOnce)
	}
	return w.add(additions)
}

// insertRest adds all that waits, and waits for it.
func (w *writer) insertRest() error {
	if err := w.insertFull(); err != nil {
		return err
	}
	var additions []addition
	for _, t := range w.waiting {
		additions = t.take(additions, t.one, 1)
	}
	if err := w.add(additions); err != nil {
		return err
	}
	return w.settle()
}

// fresh returns what was digested of tables while they were written.
func (w *writer) fresh() map[string]*fresh {
	all := map[string]*fresh{}
	for _, t := range w.waiting {
		all[t.table] = t.fresh
	}
	return all
}

// take takes rows for a statement that adds so many, while there are as many.
func (t *waiting) take(additions []addition, statement *sql.Stmt, rows int) []addition {
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
func (w *writer) add(additions []addition) error {
	if err := w.settle(); err != nil || len(additions) == 0 {
		return err
	}
	w.adding = make(chan error, 1)
	go func(added chan<- error) { added <- w.addAll(additions) }(w.adding)
	return nil
}

func (w *writer) addAll(additions []addition) error {
	for _, a := range additions {
		err := w.gate.pass(func() error {
			_, err := a.statement.ExecContext(w.ctx, a.values...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle waits until everything that add was given has been added.
func (w *writer) settle() error {
	if w.adding == nil {
		return nil
	}
	err := <-w.adding
	w.adding = nil
	return err
}
