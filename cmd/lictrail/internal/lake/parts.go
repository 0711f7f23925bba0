package lake

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

const (
	// rowGroup is how many rows stand together in a file: a reader that asks for
	// some tenants passes over the groups that have others.
	rowGroup = 1 << 16
	// maxPending is how many rows are kept in memory, of all tables together.
	// Beyond that they wait in a temporary file.
	maxPending = 1 << 17
)

// fileOptions are how the files of a table are written. Nothing in them depends
// on the time or the machine: the same rows make the same bytes.
func (t *table) fileOptions() []parquet.WriterOption {
	return []parquet.WriterOption{
		t.schema,
		parquet.CreatedBy("lictrail", "1", "parquet-go"),
		parquet.Compression(&zstd.Codec{Level: zstd.DefaultLevel, Concurrency: 1}),
		parquet.DataPageVersion(1), // which every engine reads
		parquet.MaxRowsPerRowGroup(rowGroup),
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("tenant"))),
	}
}

// parts takes the rows of one export, tenant after tenant, and makes of them a
// file for each table and month.
type parts struct {
	dir     string
	tables  map[string]*tableParts
	pending int
	limit   int             // of what is pending
	without map[string]bool // tenants whose rows are not written
}

// tableParts are the rows of one table by month; "" for a table without months.
type tableParts struct {
	*table
	months map[string]*part
	spill  *os.File // rows that wait, in pieces; nil: none do
	end    int64    // of the spill
}

// part is the rows of one table and month, in the order in which they came: what
// waits in the spill is before what is pending.
type part struct {
	pending []parquet.Row
	pieces  []piece
}

// piece is a part of the spill, which is a Parquet file by itself.
type piece struct{ at, size int64 }

func newParts(dir string) *parts {
	return &parts{dir: dir, tables: map[string]*tableParts{}, limit: maxPending}
}

// add takes a row, which must not change afterwards.
func (p *parts) add(t *table, month string, row parquet.Row) error {
	of := p.tables[t.name]
	if of == nil {
		of = &tableParts{table: t, months: map[string]*part{}}
		p.tables[t.name] = of
	}
	m := of.months[month]
	if m == nil {
		m = &part{}
		of.months[month] = m
	}
	m.pending = append(m.pending, row)
	if p.pending++; p.pending < p.limit {
		return nil
	}
	return p.spillAll()
}

// spillAll moves all rows to temporary files.
func (p *parts) spillAll() error {
	for _, name := range slices.Sorted(maps.Keys(p.tables)) {
		of := p.tables[name]
		for _, month := range slices.Sorted(maps.Keys(of.months)) {
			if err := p.spill(of, of.months[month]); err != nil {
				return fmt.Errorf("keep rows of %s for later: %w", name, err)
			}
		}
	}
	p.pending = 0
	return nil
}

func (p *parts) spill(of *tableParts, m *part) error {
	if len(m.pending) == 0 {
		return nil
	}
	if of.spill == nil {
		f, err := os.CreateTemp(p.dir, temporary)
		if err != nil {
			return err
		}
		of.spill = f
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[any](&b, of.fileOptions()...)
	if _, err := w.WriteRows(m.pending); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if _, err := of.spill.Write(b.Bytes()); err != nil {
		return err
	}
	m.pieces = append(m.pieces, piece{of.end, int64(b.Len())})
	of.end += int64(b.Len())
	m.pending = nil
	return nil
}

// close gives the temporary files up.
func (p *parts) close() {
	for _, of := range p.tables {
		if of.spill != nil {
			of.spill.Close()
			os.Remove(of.spill.Name())
			of.spill = nil
		}
	}
}

// write makes the files, and says what they are.
func (p *parts) write() ([]*file, error) {
	var files []*file
	for _, t := range tables {
		of := p.tables[t.name]
		if of == nil {
			continue
		}
		for _, month := range slices.Sorted(maps.Keys(of.months)) {
			f, err := p.writePart(of, month, of.months[month])
			if err != nil {
				return nil, fmt.Errorf("write table %s: %w", t.name, err)
			}
			if f != nil {
				files = append(files, f)
			}
		}
	}
	return files, nil
}

func (p *parts) writePart(of *tableParts, month string, m *part) (*file, error) {
	w, err := createPart(p.dir, of.table, month)
	if err != nil {
		return nil, err
	}
	defer w.discard()
	add := func(row parquet.Row) error {
		if p.without[tenantOf(row)] {
			return nil
		}
		return w.add(row)
	}
	for _, piece := range m.pieces {
		c, err := newCursor(of.table, io.NewSectionReader(of.spill, piece.at, piece.size), piece.size, of.spill.Name())
		if err != nil {
			return nil, err
		}
		if err := c.rest(add); err != nil {
			return nil, err
		}
	}
	for _, row := range m.pending {
		if err := add(row); err != nil {
			return nil, err
		}
	}
	m.pending, m.pieces = nil, nil
	if w.count == 0 {
		return nil, nil
	}
	return w.commit()
}

// partWriter writes one file under a temporary name, and names it after its
// content when it is whole.
type partWriter struct {
	table *table
	dir   string
	month string
	temp  *os.File
	w     *bufio.Writer
	sum   hash.Hash
	rows  *parquet.GenericWriter[any]
	file  file
	count int64
	batch []parquet.Row
	last  string // tenant
}

func createPart(dir string, t *table, month string) (*partWriter, error) {
	temp, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return nil, err
	}
	p := &partWriter{table: t, dir: dir, month: month, temp: temp, sum: sha256.New()}
	p.w = bufio.NewWriterSize(io.MultiWriter(temp, p.sum), 1<<18)
	p.rows = parquet.NewGenericWriter[any](p.w, t.fileOptions()...)
	p.file = file{Table: t.name, Month: month}
	return p, nil
}

// add writes a row. Those of a tenant must come together, and the tenants in
// their order.
func (p *partWriter) add(row parquet.Row) error {
	tenant := tenantOf(row)
	if tenant < p.last {
		return fmt.Errorf("table %s: rows of tenant %s after those of tenant %s", p.table.name, tenant, p.last)
	}
	if p.count == 0 {
		p.file.FirstTenant = tenant
	}
	p.last, p.file.LastTenant = tenant, tenant
	p.count++
	p.batch = append(p.batch, row)
	if len(p.batch) < 1024 {
		return nil
	}
	return p.flush()
}

func (p *partWriter) flush() error {
	_, err := p.rows.WriteRows(p.batch)
	p.batch = p.batch[:0]
	return err
}

// commit makes the file durable and puts it in its place. Until the manifest
// names it, it is not in the lake.
func (p *partWriter) commit() (*file, error) {
	if err := errors.Join(p.flush(), p.rows.Close(), p.w.Flush(), p.temp.Sync()); err != nil {
		return nil, err
	}
	info, err := p.temp.Stat()
	if err == nil {
		err = p.temp.Close()
	}
	if err != nil {
		return nil, err
	}
	f := p.file
	f.Rows, f.Bytes, f.SHA256 = p.count, info.Size(), hex.EncodeToString(p.sum.Sum(nil))
	f.Path = f.place()
	folder := filepath.Join(p.dir, filepath.FromSlash(filepath.Dir(f.Path)))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Rename(p.temp.Name(), filepath.Join(p.dir, filepath.FromSlash(f.Path))); err != nil {
		return nil, err
	}
	p.temp = nil
	return &f, syncFolders(p.dir, filepath.Dir(f.Path))
}

// discard gives the file up; after commit it does nothing.
func (p *partWriter) discard() {
	if p.temp != nil {
		p.temp.Close()
		os.Remove(p.temp.Name())
		p.temp = nil
	}
}

// sameColumns refuses a file with other columns than the table's.
func sameColumns(t *table, f *parquet.File) error {
	fields := f.Schema().Fields()
	same := len(fields) == len(t.columns)
	for i := range fields {
		same = same && fields[i].Name() == t.columns[i].name && fields[i].Optional() == t.columns[i].nullable && fields[i].Leaf()
	}
	if !same {
		return fmt.Errorf("%w: a file of table %s has other columns", ErrDamaged, t.name)
	}
	return nil
}
