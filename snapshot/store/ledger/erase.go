package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// ErrPresent says that the newest run still shows the user in the tenant.
var ErrPresent = errors.New("the tenant still has the user")

// Erased is what a forget or a prune has erased: rows by table.
type Erased struct {
	Name string // forget: what stands in the place of the person's names
	Rows map[string]int64
}

// ResidueError says that a forget or a prune is done and is history, but that
// the file's pages, or its log, may still hold what was erased: until the same
// is done again, of a person by the name that they have now.
type ResidueError struct {
	Kind string // forget or prune
	Name string // forget: what the person is called now
	Err  error  // why the pages could not be overwritten
}

func (e *ResidueError) Error() string {
	what := "it is done"
	if e.Name != "" {
		what = "it is done, and the person is now called " + e.Name
	}
	return fmt.Sprintf("%s: %s, but the file or its log may still hold what was erased: %v", e.Kind, what, e.Err)
}

// Unwrap returns the cause.
func (e *ResidueError) Unwrap() error { return e.Err }

// Total is the number of rows.
func (e *Erased) Total() int64 {
	var n int64
	for _, rows := range e.Rows {
		n += rows
	}
	return n
}

// Called is what records call somebody, beside what the rows of users say.
type Called struct {
	IDs       []string // object ids
	Addresses []string // UPNs and mail addresses
	Names     []string // display names
	Others    []string // addresses of others with object ids of their own
}

// Forget erases a person: see the method Forget of store.DB.
func Forget(ctx context.Context, db *sql.DB, row int64, called ...Called) (*Erased, error) {
	return erase(ctx, db, KindForget, forgetDetail{User: row}, func(e *Eraser, p *purpose) error { return e.Forget(p, called) })
}

// Forgettable counts what Forget would erase, by table, and erases nothing.
func Forgettable(ctx context.Context, tx *sql.Tx, row int64, called ...Called) (*Erased, error) {
	last, err := Last(ctx, tx)
	if err != nil {
		return nil, err
	}
	e, err := NewEraser(ctx, tx)
	if err != nil {
		return nil, err
	}
	e.dry, e.seen, e.left = true, map[string]bool{}, map[int64]string{}
	p := Forgetting(row, last.ID+1)
	if err := e.Forget(p, called); err != nil {
		return nil, fmt.Errorf("look for what to erase: %w", engine.Classify(err))
	}
	return &Erased{Name: p.name, Rows: e.Rows}, nil
}

// Prune erases what rows of evidence from before a time say.
func Prune(ctx context.Context, db *sql.DB, before time.Time) (*Erased, error) {
	before = before.UTC().Truncate(time.Second)
	return erase(ctx, db, KindPrune, pruneDetail{Before: before.Format(time.RFC3339)}, func(e *Eraser, _ *purpose) error {
		for _, l := range e.all {
			if l.aged == "" {
				continue
			}
			if err := e.prune(l, before.UnixMilli()); err != nil {
				return err
			}
		}
		for _, t := range unsealed() {
			if t.aged != "" {
				if err := e.drop(t, t.aged+" < ?", before.UnixMilli()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Prunable counts what Prune would erase, by table.
func Prunable(ctx context.Context, q engine.Querier, before time.Time) (map[string]int64, error) {
	before = before.UTC().Truncate(time.Second)
	all, err := layouts(ctx, q)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	countRows := func(name, where string, args ...any) error {
		var n int64
		if err := q.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE %s`, name, where), args...).Scan(&n); err != nil {
			return fmt.Errorf("count the rows of table %s: %w", name, engine.Classify(err))
		}
		if n > 0 {
			counts[name] = n
		}
		return nil
	}
	for _, l := range all {
		if l.aged == "" {
			continue
		}
		where, args := l.unpruned(before.UnixMilli())
		if err := countRows(l.Name, where, args...); err != nil {
			return nil, err
		}
	}
	for _, t := range unsealed() {
		if t.aged != "" {
			if err := countRows(t.Name, t.aged+" < ?", before.UnixMilli()); err != nil {
				return nil, err
			}
		}
	}
	return counts, nil
}

// eraseSealed runs a transaction that erases, and then takes what was erased out of
// the file's pages and its log. Another process that reads meanwhile would keep
// the old pages alive: it is waited for first.
func erase(ctx context.Context, db *sql.DB, kind string, detail any, do func(e *Eraser, p *purpose) error) (*Erased, error) {
	if err := emptyLog(ctx, db); err != nil {
		return nil, fmt.Errorf("%s: nothing was erased: %w", kind, err)
	}
	erased := &Erased{Rows: map[string]int64{}}
	err := Write(ctx, db, func(tx *sql.Tx) (*Entry, error) {
		last, err := Last(ctx, tx)
		if err != nil {
			return nil, err
		}
		p := &purpose{kind: kind}
		if f, ok := detail.(forgetDetail); ok {
			p = Forgetting(f.User, last.ID+1)
			erased.Name = p.name
		}
		if err := forgetCalls(ctx, tx); err != nil {
			return nil, err
		}
		e, err := NewEraser(ctx, tx)
		if err != nil {
			return nil, err
		}
		erased.Rows = e.Rows
		if err := Unguarded(e.ctx, tx, func() error { return do(e, p) }); err != nil || len(e.Rows) == 0 {
			return nil, err
		}
		return &Entry{Kind: kind, Detail: detail, Erased: e.Rows}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if err := overwrite(ctx, db); err != nil {
		return nil, &ResidueError{Kind: kind, Name: erased.Name, Err: err}
	}
	return erased, nil
}

// Compact makes the file anew without gaps between its rows. The log is brought into
// the file first: where the disk has no room for the copy, nothing but the copy is
// missing, and the log does not keep the disk full.
func Compact(ctx context.Context, db *sql.DB) error {
	if err := emptyLog(ctx, db); err != nil {
		return err
	}
	return overwrite(ctx, db)
}

// overwrite makes the file anew without its free pages. Whoever reads meanwhile
// needs the old pages: they stay in the file, and the new ones in the log.
func overwrite(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "VACUUM")
	if err == nil {
		err = emptyLog(ctx, db)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // SQLite has words of its own for it
	}
	return engine.Classify(err)
}

// emptyLog brings the log's pages into the file and cuts the log to nothing.
func emptyLog(ctx context.Context, db *sql.DB) error {
	var busy, log, done int64
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
		return engine.Classify(err)
	}
	if busy != 0 {
		return engine.ErrBusy
	}
	return nil
}

// Eraser changes rows of history, which nothing else may.
type Eraser struct {
	ctx  context.Context
	tx   *sql.Tx
	all  []*Layout
	Rows map[string]int64
	dry  bool             // count only
	seen map[string]bool  // dry: rows that were counted, which a second time would not differ
	left map[int64]string // dry: by its row, what would be left of attributes

	renamed []int64 // users whose names were changed, to be indexed anew
}

// NewEraser makes an eraser for a transaction that Write seals.
func NewEraser(ctx context.Context, tx *sql.Tx) (*Eraser, error) {
	all, err := layouts(ctx, tx)
	return &Eraser{ctx: context.WithoutCancel(ctx), tx: tx, all: all, Rows: map[string]int64{}}, err
}

// Unguarded takes the triggers away that keep history as it is, and puts them
// back. Nobody sees the history without: it is one transaction.
func Unguarded(ctx context.Context, tx *sql.Tx, do func() error) error {
	var names, texts []string
	err := engine.EachRow(ctx, tx, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid", nil, func(values []any) error {
		name, _ := values[0].(string)
		text, _ := values[1].(string)
		names, texts = append(names, name), append(texts, text)
		return nil
	})
	for _, name := range names {
		if err == nil {
			_, err = tx.ExecContext(ctx, "DROP TRIGGER "+engine.QuoteAll([]string{name}, ""))
		}
	}
	if err == nil {
		err = do()
	}
	for _, text := range texts {
		if err == nil {
			_, err = tx.ExecContext(ctx, text)
		}
	}
	return err
}

// drop takes rows away that no seal covers.
func (e *Eraser) drop(t Table, where string, arg any) error {
	var n int64
	err := e.tx.QueryRowContext(e.ctx, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE %s`, t.Name, where), arg).Scan(&n)
	if err == nil && !e.dry {
		_, err = e.tx.ExecContext(e.ctx, fmt.Sprintf(`DELETE FROM "%s" WHERE %s`, t.Name, where), arg)
	}
	if err != nil {
		return fmt.Errorf("erase in table %s: %w", t.Name, err)
	}
	if n > 0 {
		e.Rows[t.Name] += n
	}
	return nil
}

// Redact writes values to a row, with a record of its digests before and after and
// of the cells that it touches.
func (e *Eraser) Redact(l *Layout, key []any, set map[string]any) error {
	where := engine.QuoteAll(l.key, " = ? AND ") + " = ?"
	before, text, err := e.row(l, where, key)
	if err != nil {
		return err
	}
	after := slices.Clone(before)
	for c, v := range set {
		after[l.column(c)] = v
	}
	cells, err := l.touchedCells(before, after)
	if err != nil || len(cells) == 0 {
		return err
	}
	if e.dry {
		if row := l.Name + " " + text; !e.seen[row] {
			e.seen[row] = true
			e.Rows[l.Name]++
		}
		return nil
	}
	e.Rows[l.Name]++
	if i := l.column(saltColumn); i >= 0 {
		s := l.salts(before)
		after[i] = s.without(l.cells(before), cells)
		set = maps.Clone(set)
		set[saltColumn] = after[i]
	}
	columns := slices.Sorted(maps.Keys(set))
	args := make([]any, 0, len(columns)+len(key))
	for _, c := range columns {
		args = append(args, set[c])
	}
	if _, err := e.tx.ExecContext(e.ctx, fmt.Sprintf(`UPDATE "%s" SET %s = ? WHERE %s`, l.Name, engine.QuoteAll(columns, " = ?, "), where), append(args, key...)...); err != nil {
		return fmt.Errorf("erase in table %s: %w", l.Name, err)
	}
	was, err := l.erasableDigest(before)
	if err != nil {
		return err
	}
	is, err := l.erasableDigest(after)
	if err != nil {
		return err
	}
	_, err = e.tx.ExecContext(e.ctx, "INSERT INTO erased (table_name, row_key, before, after, cells) VALUES (?, ?, ?, ?, ?)",
		l.Name, text, was[:], is[:], marshaled(cells))
	return err
}

// row reads a row, and its key as table erased has it.
func (e *Eraser) row(l *Layout, where string, key []any) (values []any, text string, err error) {
	err = engine.EachRow(e.ctx, e.tx, fmt.Sprintf(`SELECT %s, %s FROM "%s" WHERE %s`, engine.QuoteAll(l.columns, ", "), l.keyText(), l.Name, where), key, func(row []any) error {
		last := len(row) - 1
		values, text = row[:last], fmt.Sprint(row[last])
		return nil
	})
	if err == nil && values == nil {
		err = fmt.Errorf("%w: a row of table %s cannot be read", engine.ErrDamaged, l.Name)
	}
	return values, text, err
}

// touchedCells are the cells in which a row differs from before, with their digests
// from before.
func (l *Layout) touchedCells(before, after []any) (map[string]string, error) {
	left, cells := map[string]cell{}, map[string]string{}
	for _, c := range l.cells(after) {
		left[c.name] = c
	}
	err := l.eachCell(before, func(c *cell, sum [sha256.Size]byte) error {
		if now, ok := left[c.name]; !ok || !c.same(&now) {
			cells[c.name] = hex.EncodeToString(sum[:])
		}
		return nil
	})
	return cells, err
}

// erasableDigest digests the part of a row in which something may be erased.
func (l *Layout) erasableDigest(values []any) ([sha256.Size]byte, error) {
	places := l.erasable()
	part := make([]any, len(places))
	for i, p := range places {
		part[i] = values[p]
	}
	sum, ok := snapshot.RowDigest(l.Name, l.names(places), part)
	if !ok {
		return sum, fmt.Errorf("%w: table %s: a value of a strange type", engine.ErrDamaged, l.Name)
	}
	return sum, nil
}

// keys lists the keys of rows that a condition chooses, at most so many.
func (e *Eraser) keys(l *Layout, where string, args []any) ([][]any, error) {
	var keys [][]any
	err := engine.EachRow(e.ctx, e.tx, fmt.Sprintf(`SELECT %s FROM "%s" WHERE %s`, engine.QuoteAll(l.key, ", "), l.Name, where), args, func(values []any) error {
		keys = append(keys, values)
		return nil
	})
	return keys, err
}

// unpruned chooses the rows from before a time that say something still.
func (l *Layout) unpruned(before int64) (string, []any) {
	var full []string
	args := []any{before}
	for _, c := range slices.Sorted(maps.Keys(l.pruned)) {
		full = append(full, engine.QuoteAll([]string{c}, "")+" IS NOT ?")
		args = append(args, l.pruned[c])
	}
	return engine.QuoteAll([]string{l.aged}, "") + " < ? AND (" + strings.Join(full, " OR ") + ")", args
}

// prune empties a table's rows from before a time, some at a time.
func (e *Eraser) prune(l *Layout, before int64) error {
	where, args := l.unpruned(before)
	for {
		keys, err := e.keys(l, where+" LIMIT 1000", args)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := e.Redact(l, key, l.pruned); err != nil {
				return err
			}
		}
	}
}

// forgetCalls empties the index before something is erased that it was made from. The
// next run makes it anew of what is left.
func forgetCalls(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM called_index"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM called")
	return err
}
