package store

// atOnce is how many rows a statement adds. For one row of its own SQLite looks
// up tables and opens cursors anew, which takes about as long as adding it.
const atOnce = 64

// waiting are rows of a table that are yet to be added. Nothing may ask for them
// before.
type waiting struct {
	table     string
	columns   []string
	full, one string // statements that add atOnce rows, and one
	values    []any  // row after row
}

// later adds a row to a table, together with others.
func (w *writer) later(table string, columns []string, values ...any) {
	t := w.rowsOf(table)
	if t == nil {
		t = &waiting{table: table, columns: columns, full: insertion(table, columns, atOnce), one: insertion(table, columns, 1)}
		w.waiting = append(w.waiting, t)
	}
	t.values = append(t.values, values...)
}

func (w *writer) rowsOf(table string) *waiting {
	for _, t := range w.waiting {
		if t.table == table {
			return t
		}
	}
	return nil
}

// insertFull adds all users, since other rows refer to them, and of those what
// fills whole statements.
func (w *writer) insertFull() error {
	if users := w.rowsOf("user"); users != nil {
		if err := w.insertAll(users); err != nil {
			return err
		}
	}
	for _, t := range w.waiting {
		if err := w.insert(t, t.full, atOnce); err != nil {
			return err
		}
	}
	return nil
}

// insertRest adds all that waits.
func (w *writer) insertRest() error {
	if err := w.insertFull(); err != nil {
		return err
	}
	for _, t := range w.waiting {
		if err := w.insertAll(t); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) insertAll(t *waiting) error {
	if err := w.insert(t, t.full, atOnce); err != nil {
		return err
	}
	return w.insert(t, t.one, 1)
}

// insert adds rows by a statement that takes so many, while there are as many.
func (w *writer) insert(t *waiting, statement string, rows int) error {
	n := rows * len(t.columns)
	used := 0
	for ; len(t.values)-used >= n; used += n {
		if _, err := w.exec(statement, t.values[used:used+n]...); err != nil {
			return err
		}
	}
	t.values = append(t.values[:0], t.values[used:]...)
	return nil
}
