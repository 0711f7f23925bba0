// Package ledger keeps the chain of seals: every transaction that adds to a history
// ends with one, which vouches for the rows that it wrote. The package verifies
// the chain and the rows, and erases people and old records so that the rest of the
// chain still holds.
package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// The kinds of seals, by what the transaction did.
const (
	KindBegin    = "begin"    // a run begins
	KindEnd      = "end"      // a run ends, well or not
	KindTried    = "tried"    // a run that failed before it could begin
	KindEvidence = "evidence" // evidence of the time before the first run
	KindArchive  = "archive"
	KindImport   = "import" // earlier records
	KindNames    = "names"  // Microsoft's list of names
	KindForget   = "forget"
	KindPrune    = "prune"
)

// Entry says what a transaction did.
type Entry struct {
	Kind   string
	Run    int64 // of begin, end and tried
	Detail any   // JSON; nil for none
	Erased map[string]int64
	Head   *string           // gets the new head; nil: nobody asks
	Fresh  map[string]*Fresh // by table: what was digested while it was written
}

// sealContent is what a seal says of the rows of its transaction.
type sealContent struct {
	Rows    map[string]digest `json:"rows,omitempty"`   // by table: what it wrote
	Numbers map[string]int64  `json:"numbers"`          // by numbered table: the last number so far
	Whole   map[string]string `json:"whole"`            // by table: all rows that may change
	Erased  map[string]int64  `json:"erased,omitempty"` // forget, prune: rows by table
	Detail  json.RawMessage   `json:"detail,omitempty"`
	// Cells are, by table, the rows once more, as cells; the first seal that has
	// them covers all rows up to then. Format is 2 since there are cells.
	Cells map[string]digest `json:"cells,omitempty"`
	// RowPrints is a digest of the prints of all users' rows, where the seal may
	// have changed any.
	RowPrints string `json:"row_prints,omitempty"`
	Format    int    `json:"format,omitempty"`
}

const sealFormat = 2

// hasCells reports whether the seal covers the cells of its rows, too.
func (s *seal) hasCells() bool { return s.content.Format >= sealFormat }

// digest is one over several rows, in the order of their keys.
type digest struct {
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Write runs a transaction that adds to the history and ends with a seal. What
// fn returns says what it did; nil: nothing, and then nothing is committed.
func Write(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) (*Entry, error)) error {
	t, err := Begin(ctx, db)
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // after Commit it does nothing
	e, err := fn(t.Tx)
	if err != nil || e == nil {
		return engine.Classify(err)
	}
	return t.Finish(e)
}

// Tx is a transaction that adds to the history.
type Tx struct {
	*sql.Tx
	calm context.Context // as in newWriter; the commit asks again
	last *seal
	All  []*Layout
}

// Begin begins a transaction that adds to the history, unless somebody else has.
func Begin(ctx context.Context, db *sql.DB) (*Tx, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, engine.Classify(err)
	}
	t := &Tx{Tx: tx, calm: context.WithoutCancel(ctx)}
	if t.last, err = Last(t.calm, tx); err == nil {
		t.All, err = layouts(t.calm, tx)
	}
	if err == nil {
		err = t.last.mustReach(t.calm, tx, t.All)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return t, nil
}

// Finish seals what the transaction wrote, and keeps it.
func (t *Tx) Finish(e *Entry) error {
	head, err := t.Seal(e)
	if err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return engine.Classify(err)
	}
	if e.Head != nil {
		*e.Head = head
	}
	return nil
}

// Seal writes the seal of what the transaction wrote, and returns the new head.
func (t *Tx) Seal(e *Entry) (head string, err error) {
	head, err = t.last.next(t.calm, t.Tx, t.All, e)
	if err != nil {
		return "", fmt.Errorf("seal what was written: %w", engine.Classify(err))
	}
	return head, nil
}

// seal is one link of the chain.
type seal struct {
	ID      int64
	At      time.Time
	Kind    string
	Run     int64 // 0: none
	text    string
	content sealContent
	Head    string
}

const sealColumns = "id, at, kind, coalesce(run_id, 0), content, head"

func scanSeal(row interface{ Scan(...any) error }) (*seal, error) {
	var s seal
	var at sql.NullInt64
	if err := row.Scan(&s.ID, &at, &s.Kind, &s.Run, &s.text, &s.Head); err != nil {
		return nil, err
	}
	s.At = engine.FromMillis(at)
	if err := json.Unmarshal([]byte(s.text), &s.content); err != nil {
		return nil, fmt.Errorf("%w: seal %d: %w", engine.ErrDamaged, s.ID, err)
	}
	return &s, nil
}

// Last returns one without a number while there is none.
func Last(ctx context.Context, q engine.Querier) (*seal, error) {
	s, err := scanSeal(q.QueryRowContext(ctx, "SELECT "+sealColumns+" FROM seal ORDER BY id DESC LIMIT 1"))
	if errors.Is(err, sql.ErrNoRows) {
		return &seal{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest seal: %w", engine.Classify(err))
	}
	return s, nil
}

// mustReach refuses to seal over rows that somebody else has added: the next
// seal would vouch for them.
func (s *seal) mustReach(ctx context.Context, q engine.Querier, all []*Layout) error {
	for _, l := range all {
		if l.sealed != byNumber {
			continue
		}
		n, err := lastNumber(ctx, q, l)
		if err != nil {
			return err
		}
		if n != s.content.Numbers[l.Name] {
			return fmt.Errorf("%w: table %s ends with row %d, the newest seal with row %d", engine.ErrDamaged, l.Name, n, s.content.Numbers[l.Name])
		}
	}
	return nil
}

func lastNumber(ctx context.Context, q engine.Querier, l *Layout) (n int64, err error) {
	err = q.QueryRowContext(ctx, fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", engine.QuoteAll(l.key, ""), engine.QuoteAll([]string{l.Name}, ""))).Scan(&n)
	return n, engine.Classify(err)
}

// next writes the seal after this one.
func (s *seal) next(ctx context.Context, tx *sql.Tx, all []*Layout, e *Entry) (head string, err error) {
	n := &seal{ID: s.ID + 1, At: time.Now(), Kind: e.Kind, Run: e.Run}
	if err := n.digestAll(ctx, tx, all, s, e.Fresh); err != nil {
		return "", err
	}
	n.content.Erased = e.Erased
	if n.printsRows() {
		if n.content.RowPrints, err = PrintsDigest(ctx, tx); err != nil {
			return "", err
		}
	}
	if e.Detail != nil {
		if n.content.Detail, err = json.Marshal(e.Detail); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(n.content)
	if err != nil {
		return "", err
	}
	n.text, n.At = string(text), time.UnixMilli(n.At.UnixMilli())
	n.Head = n.headAfter(s.Head)
	_, err = tx.ExecContext(ctx, "INSERT INTO seal (id, at, kind, run_id, content, head) VALUES (?, ?, ?, ?, ?, ?)",
		n.ID, n.At.UnixMilli(), n.Kind, engine.Unless(n.Run, 0), n.text, n.Head)
	if err != nil || !n.ends() {
		return n.Head, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE run SET head = ? WHERE id = ?", n.Head, n.Run)
	return n.Head, err
}

// headAfter is the hash over the seal and the head before it, in a form that
// sha256sum can compute too.
func (s *seal) headAfter(before string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "lictrail seal 1\n%s\n%d\n%d\n%s\n%d\n%s\n", before, s.ID, s.At.UnixMilli(), s.Kind, s.Run, s.text))
	return hex.EncodeToString(sum[:])
}

func (s *seal) printsRows() bool { return s.Kind == KindEnd || s.erases() }
func (s *seal) begins() bool     { return s.Kind == KindBegin || s.Kind == KindTried }
func (s *seal) ends() bool       { return s.Kind == KindEnd || s.Kind == KindTried }
func (s *seal) erases() bool     { return s.Kind == KindForget || s.Kind == KindPrune }

// digestAll digests the rows that a new seal covers: those that its run wrote,
// and those numbered after the seal before.
func (s *seal) digestAll(ctx context.Context, q engine.Querier, all []*Layout, before *seal, fresh map[string]*Fresh) error {
	s.content = sealContent{Rows: map[string]digest{}, Numbers: map[string]int64{}, Whole: map[string]string{}, Cells: map[string]digest{}, Format: sealFormat}
	upgrade := before.ID > 0 && !before.hasCells()
	for _, l := range all {
		d, cells, known, err := fresh[l.Name].Whole(ctx, q)
		if err == nil && (!known || upgrade) {
			d, cells, err = s.digestRows(ctx, q, l, before)
		}
		if err == nil && upgrade && l.hasCells() {
			cells, err = s.allCells(ctx, q, l)
		}
		if err != nil {
			return err
		}
		if d.Rows > 0 {
			s.content.Rows[l.Name] = d
		}
		if cells.Rows > 0 {
			s.content.Cells[l.Name] = cells
		}
		if err := s.digestRest(ctx, q, l); err != nil {
			return err
		}
	}
	return nil
}

// digestRows reads what the seal covers of one table: the rows, and their cells.
func (s *seal) digestRows(ctx context.Context, q engine.Querier, l *Layout, before *seal) (rows, cells digest, err error) {
	b := newBook(l)
	b.begun, b.ended = map[int64]int64{}, map[int64]int64{}
	where, args := "", []any(nil)
	switch {
	case l.sealed == byNumber:
		last := before.content.Numbers[l.Name]
		where, args = "WHERE "+engine.QuoteAll(l.key, "")+" > ?", []any{last}
		b.number = func(int64) int64 { return s.ID }
	case l.sealed == byRun && s.ends():
		b.ended[s.Run] = s.ID
		where, args = "WHERE "+l.fromRun()+" = ?1", []any{s.Run}
		if l.end != nil {
			where += " OR to_run = ?1"
		}
	case l.sealed == byItself && (s.begins() || s.ends()):
		if s.begins() {
			b.begun[s.Run] = s.ID
		}
		if s.ends() {
			b.ended[s.Run] = s.ID
		}
		where, args = "WHERE id = ?", []any{s.Run}
	default:
		return rows, cells, nil
	}
	if err := b.read(ctx, q, where, args, false); err != nil {
		return rows, cells, err
	}
	return b.sums[s.ID].digest(), b.cells[s.ID].digest(), nil
}

// allCells digests the cells of every row of a table that belongs to this seal or
// to one before.
func (s *seal) allCells(ctx context.Context, q engine.Querier, l *Layout) (digest, error) {
	runs, err := engine.Pairs[int64, int64](ctx, q, "SELECT run_id, id FROM seal WHERE kind IN ('end', 'tried')")
	if err != nil {
		return digest{}, err
	}
	if s.ends() {
		runs[s.Run] = s.ID
	}
	b := newBook(l)
	b.begun, b.ended, b.number = map[int64]int64{}, runs, func(int64) int64 { return s.ID }
	b.cellsIn = func(int64) int64 { return s.ID }
	b.left = func(_ string, _ []any, erasures []*erasure) map[string]string { return touched(erasures) }
	err = b.read(ctx, q, "", nil, true)
	return b.cells[s.ID].digest(), err
}

// digestRest digests what of a table may change, and notes its last number.
func (s *seal) digestRest(ctx context.Context, q engine.Querier, l *Layout) (err error) {
	if len(l.whole) > 0 && !l.derived() {
		if s.content.Whole[l.Name], err = wholeDigest(ctx, q, l); err != nil {
			return err
		}
	}
	if l.sealed == byNumber {
		s.content.Numbers[l.Name], err = lastNumber(ctx, q, l)
	}
	return err
}

// derived reports whether what may change in the table follows from the rest.
func (l *Layout) derived() bool { return l.Name == "user" }

// fromRun is the column with the run that wrote a row.
func (l *Layout) fromRun() string {
	if l.column("from_run") >= 0 {
		return "from_run"
	}
	return "run_id"
}

// wholeDigest digests what may change in all rows of a table.
func wholeDigest(ctx context.Context, q engine.Querier, l *Layout) (string, error) {
	total := newSum()
	names := l.names(l.whole)
	err := engine.EachRow(ctx, q, fmt.Sprintf(`SELECT %s FROM "%s" ORDER BY %s`, engine.QuoteAll(names, ", "), l.Name, engine.QuoteAll(l.key, ", ")), nil, func(values []any) error {
		row, ok := snapshot.RowDigest(l.Name, names, values)
		if !ok {
			return fmt.Errorf("%w: table %s: a value of a strange type", engine.ErrDamaged, l.Name)
		}
		total.add('W', row)
		return nil
	})
	return total.digest().SHA256, err
}

// sum is a digest being made.
type sum struct {
	rows int64
	hash hash.Hash
}

func newSum() *sum { return &sum{hash: sha256.New()} }

// add takes the digest of a row, with what it is: B when the row begins, E when
// it ends.
func (s *sum) add(what byte, row [sha256.Size]byte) {
	s.rows++
	s.hash.Write([]byte{what})
	s.hash.Write(row[:])
}

// digest is the digest of what was added; nil is a sum of nothing.
func (s *sum) digest() digest {
	if s == nil {
		return digest{}
	}
	return digest{Rows: s.rows, SHA256: hex.EncodeToString(s.hash.Sum(nil))}
}

// book reads the rows of a table and enters each with the seals it belongs to.
type book struct {
	l            *Layout
	begun, ended map[int64]int64        // by run: the seal
	number       func(id int64) int64   // the seal of a numbered row; 0: none
	cellsIn      func(seal int64) int64 // the seal that covers the cells of a row of that seal
	sums, cells  map[int64]*sum         // by seal
	rows, erased int64                  // read; and of them erased before
	unsealed     int64                  // rows, and ends of rows, of no seal that is known here
	// left judges what erasures left of a row, nil when it is not even that, and
	// returns the cells that they touched.
	left func(key string, values []any, erasures []*erasure) map[string]string

	beginNames, endNames   []string
	beginValues, endValues []any
	id, from, to           int // places of columns
}

// newBook makes a book ready for rows.
func newBook(l *Layout) *book {
	b := &book{l: l, cellsIn: func(seal int64) int64 { return seal }, sums: map[int64]*sum{}, cells: map[int64]*sum{}}
	b.beginNames, b.endNames = l.names(l.begin), l.names(l.end)
	b.beginValues, b.endValues = make([]any, len(l.begin)), make([]any, len(l.end))
	b.id, b.from, b.to = l.column(l.key[0]), l.column(l.fromRun()), l.column("to_run")
	return b
}

// read enters the rows that a condition chooses, in the order of their keys.
// With erased, rows that were erased count as they were before.
func (b *book) read(ctx context.Context, q engine.Querier, where string, args []any, erased bool) error {
	l := b.l
	columns := engine.QuoteAll(l.columns, ", ")
	if erased {
		columns += fmt.Sprintf(`, %s, (SELECT json_group_array(json_array(id, hex(before), hex(after), cells)) FROM
			(SELECT * FROM erased WHERE table_name = '%s' AND row_key = %s ORDER BY erased.id))`, l.keyText(), l.Name, l.qualifiedKey())
	}
	query := fmt.Sprintf(`SELECT %s FROM "%s" %s ORDER BY %s`, columns, l.Name, where, engine.QuoteAll(l.key, ", "))
	return engine.EachRow(ctx, q, query, args, b.enter)
}

// qualifiedKey is keyText for use where table erased is near.
func (l *Layout) qualifiedKey() string {
	text := ""
	for i, k := range l.key {
		if i > 0 {
			text += " || '/' || "
		}
		text += fmt.Sprintf(`"%s"."%s"`, l.Name, k)
	}
	return text
}

// enter takes one row.
func (b *book) enter(values []any) error {
	b.rows++
	begin, end, ends := b.seals(values)
	row, ok := b.digest(b.beginNames, b.beginValues, b.l.begin, values)
	if !ok {
		return b.strange()
	}
	if err := b.add('B', begin, row, values, b.l.sealed != byItself); err != nil || !ends {
		return err
	}
	if row, ok = b.digest(b.endNames, b.endValues, b.l.end, values); !ok {
		return b.strange()
	}
	return b.add('E', end, row, values, b.l.sealed == byItself)
}

// add adds a row's digest, and those of its cells where these are what the row
// may be erased in.
func (b *book) add(what byte, seal int64, row [sha256.Size]byte, values []any, erasable bool) error {
	var touched map[string]string
	if erasable && len(values) > len(b.l.columns) {
		var err error
		if row, touched, err = b.before(row, values); err != nil {
			return err
		}
	}
	if seal == 0 {
		b.unsealed++
		return nil
	}
	b.sum(b.sums, seal).add(what, row)
	in := b.cellsIn(seal)
	if !erasable || !b.l.hasCells() || in == 0 {
		return nil
	}
	cells, err := b.l.cellsDigest(values[:len(b.l.columns)], touched)
	if err == nil {
		b.sum(b.cells, in).add(what, cells)
	}
	return err
}

func (b *book) strange() error {
	return fmt.Errorf("%w: table %s: a value of a strange type", engine.ErrDamaged, b.l.Name)
}

func (b *book) digest(names []string, into []any, places []int, values []any) ([sha256.Size]byte, bool) {
	for i, p := range places {
		into[i] = values[p]
	}
	return snapshot.RowDigest(b.l.Name, names, into)
}

// before is the digest of a row before it was first erased, if it was, and the
// cells that were. Behind its columns a row has its key and its erasures.
func (b *book) before(row [sha256.Size]byte, values []any) ([sha256.Size]byte, map[string]string, error) {
	more := values[len(b.l.columns):]
	text, _ := more[1].(string)
	if text == "[]" {
		return row, nil, nil
	}
	erasures, err := parseErasures(text)
	if err != nil {
		return row, nil, err
	}
	b.erased++
	first, last := erasures[0], erasures[len(erasures)-1]
	key := fmt.Sprint(more[0])
	if !bytes.Equal(last.after, row[:]) || len(first.before) != len(row) {
		b.left(key, nil, nil)
		return row, nil, nil
	}
	return [sha256.Size]byte(first.before), b.left(key, values[:len(b.l.columns)], erasures), nil
}

// seals returns to which seals a row belongs with its begin and its end.
func (b *book) seals(values []any) (begin, end int64, ends bool) {
	switch b.l.sealed {
	case byNumber:
		id, _ := values[b.id].(int64)
		return b.number(id), 0, false
	case byItself:
		id, _ := values[b.id].(int64)
		return b.begun[id], b.ended[id], values[b.l.column("ended_at")] != nil
	}
	from, _ := values[b.from].(int64)
	begin = b.ended[from]
	if b.to < 0 || values[b.to] == nil {
		return begin, 0, false
	}
	to, _ := values[b.to].(int64)
	return begin, b.ended[to], true
}

func (b *book) sum(sums map[int64]*sum, seal int64) *sum {
	if sums[seal] == nil {
		sums[seal] = newSum()
	}
	return sums[seal]
}
