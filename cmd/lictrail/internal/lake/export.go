package lake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"lictrail/cmd/lictrail/internal/disk"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// Database is one tenant's database and how the tenant is called in messages.
type Database struct{ Name, Path string }

// Options say what to export.
type Options struct {
	Dir           string
	Databases     []Database
	SinceLast     bool // skip tenants whose databases have nothing new
	Pseudonymize  bool // leave out the table of users
	Compact       bool // merge the files of each month
	Holder        lock.Holder
	Progress      func(done, all int)
	freeForTests  func(dir string) (uint64, error)
	limitForTests int
}

// Outcome is what became of one tenant.
type Outcome struct {
	Name      string
	Tenant    string
	Rows      int64 // that were added
	Unchanged bool  // nothing was new
	Rewritten bool  // its rows were replaced, since something has been erased
	Err       error // why it was left as it was
}

// Result is what an export has done.
type Result struct {
	Tenants []Outcome // in the order of the databases
	Rows    int64     // that were added
	Added   int       // files
	Removed int       // files
	Files   int       // in the lake
	Bytes   int64     // of them
	Total   int64     // rows in the lake
}

// export is an export on its way.
type export struct {
	Options
	target *target
	before *manifest
	parts  *parts
	drop   map[string]bool // tenants whose rows are replaced
	failed map[string]bool // tenants whose rows do not count: they could not be read to the end
	states map[string]*tenantState
	read   map[string]*reading // of the stated tables
	whole  map[string]*whole   // of the replaced tables
}

// whole are the rows of a table that is replaced, by tenant.
type whole struct{ rows map[string][]parquet.Row }

// Export writes what is new in databases to a lake. A database that cannot be
// read leaves its tenant as it was and holds up no other.
func Export(ctx context.Context, o Options) (*Result, error) {
	if _, err := check(o.Dir); err != nil {
		return nil, err
	}
	list, outcomes, err := identify(ctx, o.Databases)
	if err != nil {
		return nil, err
	}
	if err := o.mayHaveRoom(list); err != nil {
		return nil, err
	}
	t, err := open(o.Dir, o.Holder)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if t.manifest.Pseudonymized && !o.Pseudonymize {
		return nil, fmt.Errorf("%w: it was exported with --pseudonymize", ErrNamesLeftOut)
	}
	x := &export{Options: o, target: t, before: t.manifest, parts: newParts(o.Dir), drop: map[string]bool{}, failed: map[string]bool{},
		states: map[string]*tenantState{}, read: map[string]*reading{}, whole: map[string]*whole{}}
	if o.limitForTests > 0 {
		x.parts.limit = o.limitForTests
	}
	defer x.close()
	for i, d := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x.one(ctx, d)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if d.fatal != nil {
			return nil, d.fatal
		}
		if o.Progress != nil {
			o.Progress(i+1, len(list))
		}
	}
	r, err := x.finish(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		outcomes[d.at] = d.Outcome
	}
	r.Tenants = outcomes
	return r, nil
}

// identified is a database whose tenant is known.
type identified struct {
	Outcome
	Path  string
	at    int   // in the list of databases
	size  int64 // of the file
	fatal error // of the lake: nothing can be exported
}

// identify finds out whose databases these are, and puts them in the order of the
// tenants. Those that cannot be opened are among the outcomes.
func identify(ctx context.Context, databases []Database) ([]*identified, []Outcome, error) {
	outcomes := make([]Outcome, len(databases))
	owner := map[string]string{}
	var list []*identified
	for i, d := range databases {
		outcomes[i] = Outcome{Name: d.Name}
		id, size, err := tenantIn(ctx, d.Path)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		if twin, ok := owner[id]; ok {
			return nil, nil, fmt.Errorf("%w: the databases of %s and %s are of one tenant", store.ErrOtherTenant, twin, d.Name)
		}
		owner[id] = d.Name
		list = append(list, &identified{Path: d.Path, Outcome: Outcome{Name: d.Name, Tenant: id}, at: i, size: size})
	}
	slices.SortFunc(list, func(a, b *identified) int { return strings.Compare(a.Tenant, b.Tenant) })
	return list, outcomes, nil
}

func tenantIn(ctx context.Context, path string) (id string, size int64, err error) {
	db, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if err != nil {
		return "", 0, err
	}
	defer db.Close()
	t, ok, err := db.Tenant(ctx)
	if err != nil {
		return "", 0, err
	}
	if !ok {
		return "", 0, store.ErrNoRun
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	return string(t.ID), info.Size(), nil
}

// roomFor is how many bytes a first export needs at most for a database's, by
// measurement, and leastRoom what any export must find free.
const (
	roomFor   = 2 // a half of the database: one in roomFor
	leastRoom = 16 << 20
)

// mayHaveRoom refuses to begin what the disk has evidently no room for.
func (o *Options) mayHaveRoom(list []*identified) error {
	m, err := check(o.Dir)
	if err != nil {
		return err
	}
	need := int64(leastRoom)
	for _, d := range list {
		if m == nil || m.tenant(d.Tenant) == nil {
			need += d.size / roomFor
		}
	}
	free := o.freeForTests
	if free == nil {
		free = freeAt
	}
	has, err := free(o.Dir)
	if errors.Is(err, disk.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	if has < uint64(need) {
		return fmt.Errorf("%w of %q: an export of %d databases may need %d MB, and %d MB are free", ErrNoRoom, o.Dir, len(list), need>>20, has>>20)
	}
	return nil
}

func freeAt(dir string) (uint64, error) {
	place, err := disk.Existing(dir)
	if err != nil {
		return 0, err
	}
	v, err := disk.Of(place)
	return v.Free, err
}

// close closes the files that are read, and gives the temporary ones up.
func (x *export) close() {
	x.parts.close()
	for _, r := range x.read {
		r.close()
	}
	clear(x.read)
}

// one exports one tenant. What it says of a tenant that fails is left out of the
// files.
func (x *export) one(ctx context.Context, d *identified) {
	err := x.database(ctx, d)
	if err == nil {
		return
	}
	d.Err, d.Rows, d.Unchanged, d.Rewritten = err, 0, false, false
	if errors.Is(err, ErrDamaged) || errors.Is(err, errTarget) {
		d.fatal = err
		return
	}
	x.failed[d.Tenant] = true
	delete(x.states, d.Tenant)
	delete(x.drop, d.Tenant)
	for _, w := range x.whole {
		delete(w.rows, d.Tenant)
	}
}

// errTarget marks what went wrong with the lake and not with a database.
var errTarget = errors.New("write to the lake")

func (x *export) database(ctx context.Context, d *identified) error {
	db, err := store.OpenReadOnly(ctx, d.Path, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	h, err := db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	before := x.before.tenant(d.Tenant)
	if before != nil {
		head, err := h.HeadAt(ctx, before.Seals)
		if err != nil {
			return err
		}
		if head != before.Head {
			return fmt.Errorf("%w of tenant %s: its database has no head %s at seal %d", ErrOtherHistory, d.Tenant, before.Head, before.Seals)
		}
		seals, _, err := h.End(ctx)
		if err != nil {
			return err
		}
		if d.Unchanged = seals == before.Seals; d.Unchanged && x.SinceLast {
			return nil
		}
		if d.Rewritten, err = h.ErasedAfter(ctx, before.Seals); err != nil {
			return err
		}
		if d.Rewritten {
			x.drop[d.Tenant], before = true, nil
		}
	}
	if err := h.Pseudonymize(ctx); err != nil {
		return err
	}
	s, err := newSource(ctx, h, before)
	if err != nil {
		return err
	}
	if err := x.rows(ctx, s, before == nil); err != nil {
		return err
	}
	for t, n := range s.until.Rows {
		d.Rows += n
		if before != nil {
			d.Rows -= before.Rows[t]
		}
	}
	d.Unchanged = d.Rows == 0 && !d.Rewritten
	x.states[d.Tenant] = &s.until
	return x.replacements(ctx, s)
}

// rows takes the rows of a tenant that are new.
func (x *export) rows(ctx context.Context, s *source, first bool) error {
	add := func(t *table, month string, row parquet.Row) error {
		s.until.Rows[t.name]++
		if err := x.parts.add(t, month, row); err != nil {
			return fmt.Errorf("%w: %w", errTarget, err)
		}
		return nil
	}
	s.emit = func(t *table, month string, row any) error { return add(t, month, t.schema.Deconstruct(nil, row)) }
	if err := s.appended(ctx); err != nil {
		return err
	}
	if first {
		return s.statements(ctx)
	}
	known := map[string]*statements{}
	for _, t := range tables {
		if t.kind != stated {
			continue
		}
		k, err := x.known(t, s.tenant)
		if err != nil {
			return err
		}
		known[t.name] = k
	}
	s.emit = func(t *table, month string, row any) error {
		r := t.schema.Deconstruct(nil, row)
		r, month = known[t.name].corrected(r, month, s)
		if r == nil {
			return nil
		}
		return add(t, month, r)
	}
	if err := s.statements(ctx); err != nil {
		return err
	}
	for _, t := range tables {
		if k := known[t.name]; k != nil {
			for _, row := range k.withdrawn(s) {
				if err := add(t, k.month(row, s), row); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// statements are the newest rows of a stated table that a lake has of a tenant,
// by key; a row is kept as its bytes.
type statements struct {
	table *table
	rows  map[string]string
	all   []int
}

func (x *export) known(t *table, tenant string) (*statements, error) {
	r := x.read[t.name]
	if r == nil {
		r = x.target.read(t, x.before.filesOf(t.name))
		x.read[t.name] = r
	}
	k := &statements{table: t, rows: map[string]string{}, all: make([]int, len(t.columns))}
	for i := range k.all {
		k.all[i] = i
	}
	// Files are in the order in which they were added, and a later one corrects.
	err := r.each(tenant, func(row parquet.Row) error {
		k.rows[bytesOf(row, t.key)] = bytesOf(row, k.all)
		return nil
	})
	return k, err
}

func (k *statements) row(encoded string) parquet.Row { return rowOf(k.table, encoded) }

// corrected is a row that must be added so that the lake says what the row says;
// nil: it says so already.
func (k *statements) corrected(row parquet.Row, month string, s *source) (parquet.Row, string) {
	t := k.table
	key := bytesOf(row, t.key)
	encoded, known := k.rows[key]
	if !known {
		return row, month
	}
	delete(k.rows, key) // what is left in the end is to be withdrawn
	was := k.row(encoded)
	if !was[t.withdrawn].Boolean() && bytesOf(was, t.values) == bytesOf(row, t.values) {
		return nil, ""
	}
	row[t.run] = at(t.run, parquet.Int64Value(int64(s.h.At.ID)))
	row[t.revision] = at(t.revision, parquet.Int32Value(was[t.revision].Int32()+1))
	return row, k.month(row, s)
}

// withdrawn are rows that take back what the lake has and the history no longer
// says.
func (k *statements) withdrawn(s *source) []parquet.Row {
	t := k.table
	var rows []parquet.Row
	for _, key := range slices.Sorted(maps.Keys(k.rows)) {
		row := k.row(k.rows[key])
		if row[t.withdrawn].Boolean() {
			continue
		}
		row[t.run] = at(t.run, parquet.Int64Value(int64(s.h.At.ID)))
		row[t.revision] = at(t.revision, parquet.Int32Value(row[t.revision].Int32()+1))
		row[t.withdrawn] = at(t.withdrawn, parquet.BooleanValue(true))
		rows = append(rows, row)
	}
	return rows
}

// month is that of a correction: of the newest run, except for seats, which stay
// with their month.
func (k *statements) month(row parquet.Row, s *source) string {
	if k.table.name == tableSeatDays {
		return string(row[1].ByteArray())
	}
	return s.monthOfRun(s.h.At.ID)
}

// at places a value that is not null in a column that has no nulls.
func at(column int, v parquet.Value) parquet.Value { return v.Level(0, 0, column) }

// replacements keeps the rows of tables that are replaced as a whole.
func (x *export) replacements(ctx context.Context, s *source) error {
	keep := func(name string, row any) {
		if x.whole[name] == nil {
			x.whole[name] = &whole{rows: map[string][]parquet.Row{}}
		}
		w := x.whole[name]
		w.rows[s.tenant] = append(w.rows[s.tenant], tableOf(name).schema.Deconstruct(nil, row))
	}
	keep(tableTenants, s.tenantRow())
	if x.Pseudonymize {
		return nil
	}
	users, err := s.userRows(ctx)
	for _, row := range users {
		keep(tableUsers, row)
	}
	return err
}

// finish writes the files and then makes them part of the lake.
func (x *export) finish(ctx context.Context) (*Result, error) {
	next, err := x.next()
	x.close() // Windows removes no file that is open
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && x.Compact {
		next, err = x.target.compacted(ctx, next)
	}
	if err != nil {
		return nil, errors.Join(err, x.target.sweep())
	}
	r := &Result{}
	had := map[string]bool{}
	for _, f := range x.before.Files {
		had[f.Path] = true
	}
	for _, f := range next.Files {
		if !had[f.Path] {
			r.Added++
		}
		delete(had, f.Path)
		r.Files++
		r.Bytes += f.Bytes
		r.Total += f.Rows
	}
	r.Removed = len(had)
	for id, s := range x.states {
		before := x.before.tenant(id)
		for t, n := range s.Rows {
			r.Rows += n
			if before != nil && !x.drop[id] {
				r.Rows -= before.Rows[t]
			}
		}
	}
	if same(x.before, next) {
		return r, nil
	}
	next.Exports++
	if err := x.target.save(next); err != nil {
		return nil, err
	}
	return r, x.target.recover()
}

// next is the manifest that is to replace the one before. Its files are written.
func (x *export) next() (*manifest, error) {
	next := &manifest{Format: manifestFormat, Exports: x.before.Exports, At: x.before.At, Pseudonymized: x.Pseudonymize, ID: x.before.ID, Logs: maps.Clone(x.before.Logs)}
	states := map[string]*tenantState{}
	for _, s := range x.before.Tenants {
		states[s.Tenant] = s
	}
	maps.Copy(states, x.states)
	for _, id := range slices.Sorted(maps.Keys(states)) {
		next.Tenants = append(next.Tenants, states[id])
		if states[id].ObservedUntil.After(next.At) {
			next.At = states[id].ObservedUntil
		}
	}
	if len(next.Tenants) == 0 {
		return next, nil
	}
	if next.ID == "" {
		next.ID = tableID(next.Tenants[0].Head, "lake")
	}
	x.parts.without = x.failed
	added, err := x.parts.write()
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		files := x.before.filesOf(t.name)
		if t.kind == replaced {
			files, err = x.replace(t, files)
		} else {
			files, err = x.withoutDropped(t, files)
		}
		if err != nil {
			return nil, fmt.Errorf("write table %s: %w", t.name, err)
		}
		for _, f := range added {
			if f.Table == t.name {
				files = append(files, f)
			}
		}
		slices.SortStableFunc(files, func(a, b *file) int { return strings.Compare(a.Month, b.Month) })
		next.Files = append(next.Files, files...)
		next.bump(x.before, t)
	}
	return next, nil
}

// bump says which version of a table's log has its files.
func (m *manifest) bump(before *manifest, t *table) {
	version, had := before.Logs[t.name]
	files := m.filesOf(t.name)
	switch {
	case !had && t.name == tableUsers && m.Pseudonymized:
	case !had:
		m.Logs[t.name] = 0
	case !sameFiles(before.filesOf(t.name), files):
		m.Logs[t.name] = version + 1
	default:
		m.Logs[t.name] = version
	}
}

func sameFiles(a, b []*file) bool {
	return slices.EqualFunc(a, b, func(a, b *file) bool { return a.Path == b.Path })
}

// same reports whether two manifests say the same.
func same(a, b *manifest) bool { return a.digest() == b.digest() }

func (m *manifest) digest() [sha256.Size]byte {
	text := fmt.Sprintf("%v %v %v %v", m.At, m.Pseudonymized, m.ID, m.Logs)
	for _, t := range m.Tenants {
		text += fmt.Sprintf("\n%v", *t)
	}
	for _, f := range m.Files {
		text += "\n" + f.Path
	}
	return sha256.Sum256([]byte(text))
}

// withoutDropped leaves rows of tenants that are replaced out of files.
func (x *export) withoutDropped(t *table, files []*file) ([]*file, error) {
	if len(x.drop) == 0 {
		return files, nil
	}
	var kept []*file
	for _, f := range files {
		g, err := x.without(t, f)
		if err != nil {
			return nil, err
		}
		if g != nil {
			kept = append(kept, g)
		}
	}
	return kept, nil
}

func (x *export) without(t *table, f *file) (*file, error) {
	concerned := false
	for id := range x.drop {
		concerned = concerned || f.FirstTenant <= id && id <= f.LastTenant
	}
	if !concerned {
		return f, nil
	}
	w, err := createPart(x.Dir, t, f.Month)
	if err != nil {
		return nil, err
	}
	defer w.discard()
	err = x.target.eachRow(t, f, func(row parquet.Row) error {
		if x.drop[tenantOf(row)] {
			return nil
		}
		return w.add(row)
	})
	if err != nil || w.count == 0 {
		return nil, err
	}
	if w.count == f.Rows {
		return f, nil
	}
	return w.commit()
}

// replace writes a table that is replaced as a whole: the rows of the tenants of
// this export, and of the others those that are there.
func (x *export) replace(t *table, files []*file) ([]*file, error) {
	if t.name == tableUsers && x.Pseudonymize {
		return nil, nil
	}
	rows := map[string][]parquet.Row{}
	for _, f := range files {
		err := x.target.eachRow(t, f, func(row parquet.Row) error {
			rows[tenantOf(row)] = append(rows[tenantOf(row)], row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if w := x.whole[t.name]; w != nil {
		maps.Copy(rows, w.rows)
	}
	for id := range x.states {
		if x.whole[t.name] == nil || x.whole[t.name].rows[id] == nil {
			delete(rows, id) // nobody is left
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	w, err := createPart(x.Dir, t, "")
	if err != nil {
		return nil, err
	}
	defer w.discard()
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		for _, row := range rows[id] {
			if err := w.add(row); err != nil {
				return nil, err
			}
		}
	}
	f, err := w.commit()
	if err != nil {
		return nil, err
	}
	return []*file{f}, nil
}
