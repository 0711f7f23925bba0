package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// The checks of Verify, in their order.
const (
	CheckFiles     = "files"     // each is there with the bytes and the rows that the manifest says
	CheckLogs      = "logs"      // the Delta logs name the files of the manifest
	CheckDatabases = "databases" // the rows are those that the databases have, and their chains go on from the heads
)

// Checks lists them.
var Checks = []string{CheckFiles, CheckLogs, CheckDatabases}

// Finding is something that is not as it should be.
type Finding struct{ Check, What string }

// Verification is what verifying has found.
type Verification struct {
	Files, Rows int64
	Tables      int
	Leftovers   int  // files of an export that was cut off: the next one removes them
	Pending     bool // an export was cut off before the logs were written: the next one completes it
	Tenants     []Compared
	Missing     []string // tenants of the lake whose databases were not given
	Findings    []Finding
}

// Compared is a tenant whose rows were compared with its database.
type Compared struct {
	Name, Tenant string
	Behind       int64 // seals that the database has and the lake does not
	Rows         int64 // that were compared
	Err          error // why the database could not be read
}

// maxFindings bounds how many findings of one kind are reported.
const maxFindings = 20

func (v *Verification) found(check, format string, args ...any) {
	n := 0
	for _, f := range v.Findings {
		if f.Check == check {
			n++
		}
	}
	if n < maxFindings {
		v.Findings = append(v.Findings, Finding{check, fmt.Sprintf(format, args...)})
	}
}

// Verify holds a lake against its manifest, and what it says of tenants against
// their databases. It writes nothing.
func Verify(ctx context.Context, dir string, databases []Database) (*Verification, error) {
	m, err := check(dir)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("%w in %q", ErrNoLake, dir)
	}
	t := &target{dir: dir, manifest: m}
	v := &Verification{Files: int64(len(m.Files))}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.Rows += f.Rows
		v.file(t, f)
	}
	if err := v.leftovers(t); err != nil {
		return nil, err
	}
	for _, of := range tables {
		v.log(t, of)
	}
	if len(v.Findings) > 0 {
		return v, nil // its rows cannot be read
	}
	return v, v.databases(ctx, t, databases)
}

// file checks the bytes of a file and the order of its rows.
func (v *Verification) file(t *target, f *file) {
	file, err := os.Open(t.path(f.Path))
	if err != nil {
		v.found(CheckFiles, "%v", err)
		return
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	switch {
	case err != nil:
		v.found(CheckFiles, "read %s: %v", f.Path, err)
	case n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256:
		v.found(CheckFiles, "%s has other bytes than were written", f.Path)
	default:
		v.rows(t, f)
	}
}

func (v *Verification) rows(t *target, f *file) {
	rows, first, last := int64(0), "", ""
	err := t.eachRow(tableOf(f.Table), f, func(row parquet.Row) error {
		tenant := tenantOf(row)
		if rows == 0 {
			first = tenant
		}
		if tenant < last {
			return fmt.Errorf("rows of tenant %s are after those of %s", tenant, last)
		}
		last = tenant
		rows++
		return nil
	})
	switch {
	case err != nil:
		v.found(CheckFiles, "%v", err)
	case rows != f.Rows || first != f.FirstTenant || last != f.LastTenant:
		v.found(CheckFiles, "%s has %d rows of tenants %s to %s, the manifest says %d of %s to %s", f.Path, rows, first, last, f.Rows, f.FirstTenant, f.LastTenant)
	}
}

// leftovers counts files that are not in the lake.
func (v *Verification) leftovers(t *target) error {
	named := map[string]bool{}
	for _, f := range t.manifest.Files {
		named[f.Path] = true
	}
	return fs.WalkDir(os.DirFS(t.dir), ".", func(place string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (isTemporary(e.Name()) || isPart(place) && !named[place]) {
			v.Leftovers++
		}
		return err
	})
}

// log checks that a table's log names the files that the manifest names.
func (v *Verification) log(t *target, of *table) {
	version, ok := t.manifest.Logs[of.name]
	if !ok {
		return
	}
	v.Tables++
	if there, err := t.exists(logPlace(of.name, version+1)); err != nil || there {
		v.found(CheckLogs, "%v", errors.Join(err, foreign(there, of, version+1)))
		return
	}
	if there, err := t.exists(logPlace(of.name, version)); err == nil && !there {
		if there, err := t.exists(logPlace(of.name, version-1)); err == nil && (there || version == 0) {
			v.Pending = true
			return
		}
	}
	logged, err := t.readLog(of, version)
	if err != nil {
		v.found(CheckLogs, "%v", err)
		return
	}
	for _, f := range t.manifest.filesOf(of.name) {
		a := logged[f.inTable()]
		if a == nil || a.Size != f.Bytes || a.Stats != f.stats() || !maps.Equal(a.PartitionValues, f.partitionValues()) {
			v.found(CheckLogs, "the log of table %s does not name %s as it is", of.name, f.Path)
		}
		delete(logged, f.inTable())
	}
	for place := range logged {
		v.found(CheckLogs, "the log of table %s names %s, which is not in the lake", of.name, place)
	}
}

// databases compares the rows of tenants with their databases.
func (v *Verification) databases(ctx context.Context, t *target, databases []Database) error {
	list, outcomes, err := identify(ctx, databases)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.Err != nil {
			v.Tenants = append(v.Tenants, Compared{Name: o.Name, Err: o.Err})
		}
	}
	read := map[string]*reading{}
	for _, of := range tables {
		read[of.name] = t.read(of, t.manifest.filesOf(of.name))
		defer read[of.name].close()
	}
	given := map[string]bool{}
	for _, d := range list {
		state := t.manifest.tenant(d.Tenant)
		given[d.Tenant] = true
		if state == nil {
			v.Tenants = append(v.Tenants, Compared{Name: d.Name, Tenant: d.Tenant, Err: fmt.Errorf("%w: nothing of it is in the lake", ErrNoLake)})
			continue
		}
		c := comparison{Verification: v, target: t, state: state, read: read}
		done, err := c.tenant(ctx, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrDamaged) {
			return err
		}
		done.Err = err
		v.Tenants = append(v.Tenants, done)
	}
	for _, s := range t.manifest.Tenants {
		if !given[s.Tenant] {
			v.Missing = append(v.Missing, s.Tenant)
		}
	}
	return nil
}

// comparison compares one tenant's rows.
type comparison struct {
	*Verification
	target *target
	state  *tenantState
	read   map[string]*reading
	behind bool
}

func (c *comparison) tenant(ctx context.Context, d *identified) (Compared, error) {
	done := Compared{Name: d.Name, Tenant: d.Tenant}
	db, err := store.OpenReadOnly(ctx, d.Path, migrations.Check)
	if err != nil {
		return done, err
	}
	defer db.Close()
	h, err := db.History(ctx)
	if err != nil {
		return done, err
	}
	defer h.Close()
	head, err := h.HeadAt(ctx, c.state.Seals)
	if err != nil {
		return done, err
	}
	if head != c.state.Head {
		c.found(CheckDatabases, "%s: the chain of the database has no head %s at seal %d", d.Name, c.state.Head, c.state.Seals)
		return done, nil
	}
	seals, _, err := h.End(ctx)
	if err != nil {
		return done, err
	}
	erased, err := h.ErasedAfter(ctx, c.state.Seals)
	if err != nil {
		return done, err
	}
	if erased {
		c.found(CheckDatabases, "%s: something has been erased from the database and is in the lake still: export once more", d.Name)
		return done, nil
	}
	done.Behind = seals - c.state.Seals
	c.behind = done.Behind > 0
	if err := h.Pseudonymize(ctx); err != nil {
		return done, err
	}
	s, err := newSource(ctx, h, nil)
	if err != nil {
		return done, err
	}
	done.Rows, err = c.compare(ctx, s)
	return done, err
}

// compare reads the history and the lake. Rows are counted by what they say, up
// in the one and down in the other.
func (c *comparison) compare(ctx context.Context, s *source) (rows int64, err error) {
	counts := map[string]map[string]int{}
	for _, t := range tables {
		counts[t.name] = map[string]int{}
	}
	s.emit = func(t *table, _ string, row any) error {
		r := t.schema.Deconstruct(nil, row)
		if t.kind == appended && !c.state.has(t, r) {
			return nil
		}
		counts[t.name][c.says(t, r)]++
		return nil
	}
	if err := s.appended(ctx); err != nil {
		return 0, err
	}
	if !c.behind {
		if err := s.statements(ctx); err != nil {
			return 0, err
		}
		if err := s.emit(tableOf(tableTenants), "", s.tenantRow()); err != nil {
			return 0, err
		}
		if c.target.manifest.hasLog(tableOf(tableUsers)) && !c.target.manifest.Pseudonymized {
			users, err := s.userRows(ctx)
			if err != nil {
				return 0, err
			}
			for _, u := range users {
				if err := s.emit(tableOf(tableUsers), "", u); err != nil {
					return 0, err
				}
			}
		}
	}
	for _, t := range tables {
		n, err := c.table(t, counts[t.name])
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// says is what two rows have in common that say the same.
func (c *comparison) says(t *table, row parquet.Row) string {
	if t.kind == stated {
		return bytesOf(row, t.key) + bytesOf(row, t.values)
	}
	return bytesOf(row, t.firm)
}

// has reports whether a row was there when the tenant was exported.
func (s *tenantState) has(t *table, row parquet.Row) bool {
	column := func(name string) parquet.Value {
		return row[slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })]
	}
	switch t.name {
	case tableRuns:
		return column("run").Int64() <= s.LastRun
	case tableChanges:
		return column("change_id").Int64() <= s.LastChange
	case tableCauses:
		return column("attribution_order").Int64() <= s.LastCause
	case tableCoverage:
		if id := column("coverage_id"); !id.IsNull() {
			return id.Int64() <= s.LastCoverage
		}
	}
	return column("run").Int64() <= s.NewestRun
}

func (c *comparison) table(t *table, counts map[string]int) (rows int64, err error) {
	newest := map[string]parquet.Row{}
	err = c.read[t.name].each(c.state.Tenant, func(row parquet.Row) error {
		rows++
		switch t.kind {
		case stated:
			newest[bytesOf(row, t.key)] = row
		default:
			counts[c.says(t, row)]--
		}
		return nil
	})
	if err != nil {
		return rows, err
	}
	if t.kind != replaced && rows != c.state.Rows[t.name] {
		c.found(CheckDatabases, "tenant %s has %d rows in table %s, the manifest says %d", c.state.Tenant, rows, t.name, c.state.Rows[t.name])
	}
	if c.behind && t.kind != appended {
		return rows, nil
	}
	for _, row := range newest {
		if !row[t.withdrawn].Boolean() {
			counts[c.says(t, row)]--
		}
	}
	more, fewer := 0, 0
	for _, n := range counts {
		switch {
		case n > 0:
			more += n
		case n < 0:
			fewer -= n
		}
	}
	if more+fewer > 0 {
		c.found(CheckDatabases, "table %s of tenant %s is not what its database has: %d rows are missing, %d are others", t.name, c.state.Tenant, more, fewer)
	}
	return rows, nil
}

// Words says what a check has looked at.
func (v *Verification) Words(check string) string {
	switch check {
	case CheckFiles:
		return fmt.Sprintf("%d files, %d rows", v.Files, v.Rows)
	case CheckLogs:
		return fmt.Sprintf("the Delta logs of %d tables", v.Tables)
	}
	var rows int64
	var names []string
	for _, t := range v.Tenants {
		if t.Err == nil {
			rows += t.Rows
			names = append(names, t.Tenant)
		}
	}
	if len(names) == 1 {
		return fmt.Sprintf("%d rows of tenant %s", rows, strings.Join(names, ""))
	}
	return fmt.Sprintf("%d rows of %d tenants", rows, len(names))
}
