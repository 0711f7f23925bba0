package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/nameindex"
)

// The checks of verify, in their order.
const (
	CheckStructure    = "structure"    // SQLite's own checks, the schema, and the index of names
	CheckChain        = "chain"        // the seals follow one another, up to the head
	CheckDigests      = "digests"      // the rows are those that were sealed
	CheckReplay       = "replay"       // the changes lead from each stored state to the next
	CheckAttributions = "attributions" // causes follow from the stored events
)

// Checks lists them.
var Checks = []string{CheckStructure, CheckChain, CheckDigests, CheckReplay, CheckAttributions}

// Finding is something that is not as lictrail wrote it.
type Finding struct {
	Check string
	What  string
}

// Erasure is what a forget or a prune has erased.
type Erasure struct {
	At     time.Time
	Kind   string           // forget or prune
	Rows   map[string]int64 // by table
	Detail string           // JSON
}

// Verification is what verifying has found.
type Verification struct {
	Head     string // "" while there is no seal
	Seals    int64
	Sealed   time.Time // when the newest seal was made
	Runs     int64     // runs that ended
	Rows     int64     // rows whose digests were made anew
	Erasures []Erasure
	HeadSeal int64 // the seal that the head asked for is of; 0: none
	HeadRun  int64 // and its run
	Findings []Finding
}

func (v *Verification) found(check, format string, args ...any) {
	v.Findings = append(v.Findings, Finding{check, fmt.Sprintf(format, args...)})
}

// failed makes an error of the database's a finding; others are errors.
func (v *Verification) failed(check string, err error) error {
	if err == nil || errors.Is(err, engine.ErrDamaged) || errors.Is(err, engine.ErrTooLong) {
		if err != nil {
			v.found(check, "%v", err)
		}
		return nil
	}
	return err
}

// Verify checks the file, the chain of seals and every row that they cover: see
// the method Verify of store.DB.
func Verify(ctx context.Context, tx *sql.Tx, apply func(ctx context.Context, db *sql.DB) error, head string) (*Verification, error) {
	v := &Verification{}
	for _, check := range []struct {
		name string
		do   func() error
	}{
		{CheckStructure, func() error { return v.structure(ctx, tx) }},
		{CheckStructure, func() error { return v.schema(ctx, tx, apply) }},
		{CheckStructure, func() error { return v.nameIndex(ctx, tx) }},
		{CheckChain, func() error { return v.sealed(ctx, tx, head) }},
	} {
		if err := v.failed(check.name, check.do()); err != nil {
			return nil, fmt.Errorf("verify the %s: %w", check.name, err)
		}
	}
	return v, nil
}

// nameIndex checks the index of names.
func (v *Verification) nameIndex(ctx context.Context, q engine.Querier) error {
	problem, err := nameindex.Check(ctx, q, IsForgotten)
	if problem != "" {
		v.found(CheckStructure, "%s", problem)
	}
	return err
}

// maxFindings bounds how many findings of one kind are reported.
const maxFindings = 20

// structure runs SQLite's own checks.
func (v *Verification) structure(ctx context.Context, q engine.Querier) error {
	err := engine.EachRow(ctx, q, fmt.Sprintf("PRAGMA integrity_check(%d)", maxFindings), nil, func(values []any) error {
		if word, _ := values[0].(string); word != "ok" {
			v.found(CheckStructure, "SQLite's integrity check: %q", word)
		}
		return nil
	})
	if err != nil {
		return err
	}
	bad := 0
	return engine.EachRow(ctx, q, "PRAGMA foreign_key_check", nil, func(values []any) error {
		if bad++; bad <= maxFindings {
			v.found(CheckStructure, "a row of table %q refers to a row of table %q that is not there", values[0], values[2])
		}
		return nil
	})
}

// schema compares the schema with what the migrations make: tables, indexes,
// views and triggers. What SQLite adds for its planner is left alone.
func (v *Verification) schema(ctx context.Context, q engine.Querier, apply func(ctx context.Context, db *sql.DB) error) error {
	fresh, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		return err
	}
	defer fresh.Close()
	fresh.SetMaxOpenConns(1) // each connection would have a database of its own
	if err := apply(ctx, fresh); err != nil {
		return err
	}
	want, err := objects(ctx, fresh)
	if err != nil {
		return err
	}
	have, err := objects(ctx, q)
	if err != nil {
		return err
	}
	for name, text := range want {
		switch there, ok := have[name]; {
		case !ok:
			v.found(CheckStructure, "%s is not there", name)
		case there != text:
			v.found(CheckStructure, "%s is not as lictrail made it", name)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			v.found(CheckStructure, "%s is not lictrail's", name)
		}
	}
	for _, t := range Tables {
		if t.sealed != byProgram {
			continue
		}
		if err := v.words(ctx, q, fresh, t.Name); err != nil {
			return err
		}
	}
	slices.SortFunc(v.Findings, func(a, b Finding) int { return strings.Compare(a.What, b.What) })
	return nil
}

// words compares a table whose rows come with the schema.
func (v *Verification) words(ctx context.Context, q, fresh engine.Querier, table string) error {
	rows := func(q engine.Querier) (all []string, err error) {
		err = engine.EachRow(ctx, q, "SELECT * FROM "+table+" ORDER BY id", nil, func(values []any) error {
			all = append(all, fmt.Sprint(values...))
			return nil
		})
		return all, err
	}
	want, err := rows(fresh)
	if err != nil {
		return err
	}
	have, err := rows(q)
	if err != nil {
		return v.failed(CheckStructure, err) // a table that is not there was found above
	}
	if !slices.Equal(have, want) {
		v.found(CheckStructure, "table %s is not as lictrail made it", table)
	}
	return nil
}

// objects maps what is in a schema to its text. Left out are the tables that
// ANALYZE makes (https://www.sqlite.org/fileformat2.html#intschema), by their
// whole names: to LIKE a _ is any character.
func objects(ctx context.Context, q engine.Querier) (map[string]string, error) {
	all := map[string]string{}
	err := engine.EachRow(ctx, q, `
		SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema
		WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat2', 'sqlite_stat3', 'sqlite_stat4'))`, nil, func(values []any) error {
		all[fmt.Sprintf("%s %q", values[0], values[1])] = fmt.Sprint(values[2:]...)
		return nil
	})
	return all, err
}

// sealed follows the chain, and digests every row anew.
func (v *Verification) sealed(ctx context.Context, q engine.Querier, head string) error {
	c := &chain{v: v, begun: map[int64]int64{}, ended: map[int64]int64{}, purposes: map[int64]*purpose{}}
	if err := c.follow(ctx, q, head); err != nil {
		return err
	}
	if err := c.erasings(ctx, q); err != nil {
		return err
	}
	all, err := layouts(ctx, q)
	if err != nil {
		return err
	}
	for _, l := range all {
		if err := v.failed(CheckDigests, c.table(ctx, q, l)); err != nil {
			return err
		}
	}
	if err := v.failed(CheckDigests, c.rowPrints(ctx, q)); err != nil {
		return err
	}
	return v.failed(CheckDigests, c.erasures(ctx, q))
}

// chain is the chain of seals with what they vouch for.
type chain struct {
	v            *Verification
	seals        []*seal
	begun, ended map[int64]int64    // by run: the seal, counted from 1
	first        int64              // the first seal that covers cells, counted from 1; 0: none
	purposes     map[int64]*purpose // of seals that erase, by seal, counted from 1
}

func (c *chain) last() *seal {
	if len(c.seals) == 0 {
		return &seal{}
	}
	return c.seals[len(c.seals)-1]
}

// follow recomputes every head from the one before.
func (c *chain) follow(ctx context.Context, q engine.Querier, head string) error {
	err := engine.EachRow(ctx, q, "SELECT "+sealColumns+" FROM seal ORDER BY id", nil, func(values []any) error {
		s, err := scanSeal(engine.Values(values))
		if err != nil {
			return err
		}
		before := c.last()
		if s.ID != before.ID+1 {
			c.v.found(CheckChain, "seal %d follows seal %d", s.ID, before.ID)
		}
		if s.Head != s.headAfter(before.Head) {
			c.v.found(CheckChain, "the head of seal %d%s does not follow from what it seals", s.ID, s.label())
		}
		c.add(s)
		if head != "" && strings.EqualFold(s.Head, head) {
			c.v.HeadSeal, c.v.HeadRun = s.ID, s.Run
		}
		return nil
	})
	if err != nil {
		return err
	}
	last := c.last()
	c.v.Head, c.v.Seals, c.v.Sealed = last.Head, int64(len(c.seals)), last.At
	if head != "" && c.v.HeadSeal == 0 {
		c.v.found(CheckChain, "the head %.12s... is not in the chain: the history was cut short, made anew, or is not the one that the head is of", head)
	}
	return c.heads(ctx, q)
}

// label names the run of a seal.
func (s *seal) label() string {
	if s.Run == 0 {
		return " (" + s.Kind + ")"
	}
	return fmt.Sprintf(" (%s of run %d)", s.Kind, s.Run)
}

func (c *chain) add(s *seal) {
	if c.last().hasCells() && !s.hasCells() {
		c.v.found(CheckChain, "seal %d%s is of an older form than the seal before", s.ID, s.label())
	}
	c.seals = append(c.seals, s)
	if c.first == 0 && s.hasCells() {
		c.first = int64(len(c.seals))
	}
	for _, of := range []struct {
		applies bool
		runs    map[int64]int64
	}{{s.begins(), c.begun}, {s.ends(), c.ended}} {
		if !of.applies {
			continue
		}
		if of.runs[s.Run] != 0 {
			c.v.found(CheckChain, "run %d has two seals for one thing", s.Run)
		}
		of.runs[s.Run] = int64(len(c.seals))
	}
	if s.erases() {
		c.v.Erasures = append(c.v.Erasures, Erasure{At: s.At, Kind: s.Kind, Rows: s.content.Erased, Detail: string(s.content.Detail)})
	}
}

// heads compares the heads that runs show with those of their seals.
func (c *chain) heads(ctx context.Context, q engine.Querier) error {
	// A run that was cut off says nothing but that it began: what it would have
	// said at its end no seal covers.
	return engine.EachRow(ctx, q, `SELECT id, coalesce(head, ''), ended_at IS NOT NULL,
			status = 'incomplete' AND warnings = '[]' AND
			coalesce(observed_at, observed_until, users, licensed_users, assignments, changes, requests, error) IS NULL
		FROM run ORDER BY id`, nil, func(values []any) error {
		id, _ := values[0].(int64)
		head, _ := values[1].(string)
		ended, _ := values[2].(int64)
		blank, _ := values[3].(int64)
		want := ""
		if n := c.ended[id]; n != 0 {
			want = c.seals[n-1].Head
		}
		switch {
		case ended == 1 && want == "":
			c.v.found(CheckChain, "run %d has ended and has no seal", id)
		case head != want:
			c.v.found(CheckChain, "run %d shows the head %.16q, its seal has %.16q", id, head, want)
		case ended == 0 && blank == 0:
			c.v.found(CheckChain, "run %d was cut off, and says more than that it began", id)
		case ended == 1:
			c.v.Runs++
		}
		return nil
	})
}

// table digests the rows of a table anew and compares with what the seals say.
func (c *chain) table(ctx context.Context, q engine.Querier, l *Layout) error {
	if len(l.whole) > 0 && !l.derived() && len(c.seals) > 0 {
		whole, err := wholeDigest(ctx, q, l)
		if err != nil {
			return err
		}
		if whole != c.last().content.Whole[l.Name] {
			c.v.found(CheckDigests, "table %s is not as the newest seal has it", l.Name)
		}
	}
	if l.sealed == asWhole {
		return nil
	}
	b := newBook(l)
	b.begun, b.ended, b.number, b.cellsIn = c.begun, c.ended, c.numbers(l.Name), c.cellsIn
	erased, keys, err := c.erasedOf(ctx, q, l)
	if err != nil {
		return err
	}
	bad := 0
	b.left = func(key string, values []any, erasures []*erasure) map[string]string {
		if problem := c.judge(l, values, erasures); problem != "" {
			if bad++; bad <= maxFindings {
				c.v.found(CheckDigests, "table %s: row %q is not as erasing left it: %s", l.Name, key, problem)
			}
		}
		return touched(erasures)
	}
	if err := b.read(ctx, q, "", nil, erased > 0); err != nil {
		return err
	}
	if erased > 0 && b.erased != keys {
		c.v.found(CheckDigests, "table %s: %d rows were erased, %d of them are there", l.Name, keys, b.erased)
	}
	c.v.Rows += b.rows
	if b.unsealed > 0 {
		c.v.found(CheckDigests, "table %s: %d rows, or ends of rows, belong to no seal", l.Name, b.unsealed)
	}
	return c.compare(l, b)
}

// erasings reads what seals erased. Whom a seal forgets must be forgotten.
func (c *chain) erasings(ctx context.Context, q engine.Querier) error {
	for i, s := range c.seals {
		if !s.erases() {
			continue
		}
		p, err := purposeOf(ctx, q, s)
		if err != nil {
			if err := c.v.failed(CheckDigests, err); err != nil {
				return err
			}
			continue
		}
		c.purposes[int64(i+1)] = p
		if p.user == 0 {
			continue
		}
		var called sql.NullString
		err = q.QueryRowContext(ctx, "SELECT CASE typeof(object_id) WHEN 'text' THEN object_id END FROM user WHERE id = ?", p.user).Scan(&called)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return engine.Classify(err)
		}
		if called.String != p.name {
			c.v.found(CheckDigests, "seal %d%s forgets the user in row %d, who is not called %s", s.ID, s.label(), p.user, p.name)
		}
	}
	return nil
}

// judge holds a row against what its erasures leave; "" when it is that.
func (c *chain) judge(l *Layout, values []any, erasures []*erasure) string {
	if erasures == nil {
		return "it was altered since"
	}
	cells := map[string]*cell{}
	for _, x := range l.cells(values) {
		cells[x.name] = &x
	}
	by := map[string]*purpose{}
	for i, e := range erasures {
		seal := int64(sort.Search(len(c.seals), func(i int) bool { return c.seals[i].content.Numbers["erased"] >= e.id }) + 1)
		p := c.purposes[seal]
		switch {
		case p == nil:
			return "no seal says that it was erased"
		case e.cells == nil && c.seals[seal-1].hasCells():
			return "it is not said what was erased"
		case e.cells == nil && i == len(erasures)-1 && !l.wasLeft(values, p):
			return "that is not what a " + p.kind + " leaves"
		}
		for name := range e.cells {
			if by[name] != nil && !l.isPersonal(values, name, p) {
				return name + " was erased before" // by a stand-in, which nothing erases
			}
			by[name] = p
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if cells[name] == nil || !l.isLeft(values, cells[name], by[name]) {
			return fmt.Sprintf("%s is not what a %s leaves", name, by[name].kind)
		}
	}
	return ""
}

// cellsIn is the seal that covers the cells of the rows of a seal: itself or, where
// an earlier version made it, the first that covers cells; 0: none.
func (c *chain) cellsIn(of int64) int64 {
	if c.first == 0 {
		return 0
	}
	return max(of, c.first)
}

// numbers returns which seal a numbered row belongs to. Rows come in order.
func (c *chain) numbers(table string) func(int64) int64 {
	at := 0
	return func(id int64) int64 {
		for at < len(c.seals) && c.seals[at].content.Numbers[table] < id {
			at++
		}
		if at == len(c.seals) {
			return 0
		}
		return int64(at + 1)
	}
}

func (c *chain) compare(l *Layout, b *book) error {
	for i, s := range c.seals {
		want, have := s.content.Rows[l.Name], b.sums[int64(i+1)].digest()
		switch {
		case want.Rows != have.Rows:
			c.v.found(CheckDigests, "table %s: seal %d%s covers %d rows, there are %d", l.Name, s.ID, s.label(), want.Rows, have.Rows)
		case want != have:
			c.v.found(CheckDigests, "table %s: of the %d rows that seal %d%s covers, at least one was altered", l.Name, have.Rows, s.ID, s.label())
		case s.hasCells() && s.content.Cells[l.Name] != b.cells[int64(i+1)].digest():
			c.v.found(CheckDigests, "table %s: of the rows that seal %d%s covers, an erased one was altered beyond what was erased", l.Name, s.ID, s.label())
		}
	}
	return nil
}

// erasedOf counts what was erased of a table: times, and rows.
func (c *chain) erasedOf(ctx context.Context, q engine.Querier, l *Layout) (times, keys int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT row_key) FROM erased WHERE table_name = ?", l.Name).Scan(&times, &keys)
	return times, keys, engine.Classify(err)
}

// erasures checks that a row erased twice was left by the first as the second
// found it, and that each row of table erased belongs to a seal of a forget or a
// prune which counts it.
func (c *chain) erasures(ctx context.Context, q engine.Querier) error {
	var broken int64
	err := q.QueryRowContext(ctx, `
		SELECT count(*) FROM erased a JOIN erased b ON b.table_name = a.table_name AND b.row_key = a.row_key AND b.id =
			(SELECT min(id) FROM erased WHERE table_name = a.table_name AND row_key = a.row_key AND id > a.id)
		WHERE a.after <> b.before`).Scan(&broken)
	if err != nil {
		return engine.Classify(err)
	}
	if broken > 0 {
		c.v.found(CheckDigests, "table erased: %d rows were changed between one erasing and the next", broken)
	}
	number, there := c.numbers("erased"), map[int64]map[string]int64{} // by seal, counted from 1, and table
	err = engine.EachRow(ctx, q, "SELECT id, table_name FROM erased ORDER BY id", nil, func(values []any) error {
		id, _ := values[0].(int64)
		name, _ := values[1].(string)
		seal := number(id)
		if there[seal] == nil {
			there[seal] = map[string]int64{}
		}
		there[seal][name]++
		return nil
	})
	if err != nil {
		return err
	}
	for i, s := range c.seals {
		have, want := there[int64(i+1)], map[string]int64{}
		if s.erases() {
			want = s.content.Erased
		}
		for _, t := range Tables {
			if t.sealed != notEvidence && have[t.Name] != want[t.Name] {
				c.v.found(CheckDigests, "table erased: seal %d%s covers %d rows of table %s, there are %d", s.ID, s.label(), want[t.Name], t.Name, have[t.Name])
			}
			delete(have, t.Name)
		}
		for name := range have {
			c.v.found(CheckDigests, "table erased: seal %d%s has rows of table %q, of which nothing is erased", s.ID, s.label(), name)
		}
	}
	return nil
}
