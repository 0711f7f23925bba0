package lake

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// compacted merges the files of each table and month. The rows stay as they are,
// those of a tenant in the order in which they were added.
func (t *target) compacted(ctx context.Context, m *manifest) (*manifest, error) {
	next := *m
	next.Files, next.Logs = nil, maps.Clone(m.Logs)
	for _, of := range tables {
		months := map[string][]*file{}
		for _, f := range m.filesOf(of.name) {
			months[f.Month] = append(months[f.Month], f)
		}
		for _, month := range slices.Sorted(maps.Keys(months)) {
			files := months[month]
			if len(files) > 1 {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				one, err := t.merge(of, month, files)
				if err != nil {
					return nil, fmt.Errorf("merge files of table %s: %w", of.name, err)
				}
				files = []*file{one}
			}
			next.Files = append(next.Files, files...)
		}
		next.bump(t.manifest, of)
	}
	return &next, nil
}

func (t *target) merge(of *table, month string, files []*file) (*file, error) {
	w, err := createPart(t.dir, of, month)
	if err != nil {
		return nil, err
	}
	defer w.discard()
	cursors := make([]*cursor, 0, len(files))
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	for _, f := range files {
		c, err := t.openCursor(of, f)
		if err != nil {
			return nil, err
		}
		cursors = append(cursors, c)
	}
	for {
		tenant, more, err := firstTenant(cursors)
		if err != nil {
			return nil, err
		}
		if !more {
			return w.commit()
		}
		for _, c := range cursors {
			if err := c.each(tenant, func(row parquet.Row) error { return w.add(row) }); err != nil {
				return nil, err
			}
		}
	}
}

// firstTenant is the first in order of those that cursors are at.
func firstTenant(cursors []*cursor) (tenant string, more bool, err error) {
	for _, c := range cursors {
		row, err := c.peek()
		if err != nil {
			return "", false, err
		}
		if row == nil {
			continue
		}
		if id := tenantOf(row); !more || id < tenant {
			tenant, more = id, true
		}
	}
	return tenant, more, nil
}
