package lake

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// cursor reads the rows of a Parquet file tenant after tenant.
type cursor struct {
	name   string
	file   io.Closer // nil: somebody else's
	groups []parquet.RowGroup
	rows   parquet.Rows
	batch  []parquet.Row
	next   int // in the batch
	have   int
}

func (t *target) openCursor(of *table, f *file) (*cursor, error) {
	file, err := os.Open(t.path(f.Path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	c, err := newCursor(of, file, f.Bytes, f.Path)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	c.file = file
	return c, nil
}

func newCursor(of *table, r io.ReaderAt, size int64, name string) (c *cursor, err error) {
	defer damaged(name, &err)
	parsed, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err == nil {
		err = sameColumns(of, parsed)
	}
	if err != nil {
		return nil, err
	}
	return &cursor{name: name, groups: parsed.RowGroups(), batch: make([]parquet.Row, 256)}, nil
}

// damaged makes what goes wrong while a file is read an error that names the file.
// The decoder of a file that somebody has changed may panic.
func damaged(name string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
	if *err != nil && !errors.Is(*err, ErrDamaged) {
		*err = fmt.Errorf("%w: read %q: %w", ErrDamaged, name, *err)
	}
}

func (c *cursor) close() {
	if c.rows != nil {
		c.rows.Close()
	}
	if c.file != nil {
		c.file.Close()
	}
}

// peek is the next row, nil at the end. It is the cursor's until the one after it
// is asked for.
func (c *cursor) peek() (row parquet.Row, err error) {
	defer damaged(c.name, &err)
	for c.next >= c.have {
		if c.rows == nil {
			if len(c.groups) == 0 {
				return nil, nil
			}
			c.rows, c.groups = c.groups[0].Rows(), c.groups[1:]
		}
		n, err := c.rows.ReadRows(c.batch)
		c.next, c.have = 0, n
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			if err := c.rows.Close(); err != nil {
				return nil, err
			}
			c.rows = nil
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return c.batch[c.next], nil
}

// each hands on the rows of a tenant; those of tenants before are passed over.
func (c *cursor) each(tenant string, do func(parquet.Row) error) error {
	for {
		row, err := c.peek()
		if err != nil || row == nil {
			return err
		}
		of := tenantOf(row)
		if of > tenant {
			return nil
		}
		if of == tenant {
			if err := do(row.Clone()); err != nil {
				return err
			}
		}
		c.next++
	}
}

// reading reads the files of a table side by side, tenant after tenant. A file is
// open only while its tenants are read.
type reading struct {
	target  *target
	table   *table
	files   []*file
	cursors []*cursor // of the files; nil: not open yet, or read to the end
}

func (t *target) read(of *table, files []*file) *reading {
	return &reading{target: t, table: of, files: files, cursors: make([]*cursor, len(files))}
}

func (r *reading) close() {
	for _, c := range r.cursors {
		if c != nil {
			c.close()
		}
	}
}

// each hands on the rows of a tenant, file after file in the order in which they
// were added. Tenants must be asked for in their order.
func (r *reading) each(tenant string, do func(parquet.Row) error) error {
	for i, f := range r.files {
		if tenant < f.FirstTenant {
			continue
		}
		if tenant > f.LastTenant {
			if r.cursors[i] != nil {
				r.cursors[i].close()
				r.cursors[i] = nil
			}
			continue
		}
		if r.cursors[i] == nil {
			c, err := r.target.openCursor(r.table, f)
			if err != nil {
				return err
			}
			r.cursors[i] = c
		}
		if err := r.cursors[i].each(tenant, do); err != nil {
			return err
		}
	}
	return nil
}

// eachRow hands on all rows of a file.
func (t *target) eachRow(of *table, f *file, do func(parquet.Row) error) error {
	c, err := t.openCursor(of, f)
	if err != nil {
		return err
	}
	defer c.close()
	return c.rest(do)
}

// rest hands on all rows that are left.
func (c *cursor) rest(do func(parquet.Row) error) error {
	for {
		row, err := c.peek()
		if err != nil || row == nil {
			return err
		}
		if err := do(row.Clone()); err != nil {
			return err
		}
		c.next++
	}
}
