package lake

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"lictrail/cmd/lictrail/internal/lock"
)

// The tests need the simulator's reader, which needs this package: so they are
// outside, and this is what they see of the inside.

// LeastRoom is what any export must find free.
const LeastRoom = leastRoom

// SetLimit has rows wait on the disk beyond so many.
func (o *Options) SetLimit(rows int) { o.limitForTests = rows }

// SetFree says how many bytes are free.
func (o *Options) SetFree(bytes uint64) {
	o.freeForTests = func(string) (uint64, error) { return bytes, nil }
}

// CountsOf is what counts of a lake: by table, each row that no later one corrects,
// without the numbers of revisions, which depend on when exports were made.
func CountsOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	m, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	lake := &target{dir: dir, manifest: m}
	all := map[string][]string{}
	for _, table := range tables {
		newest := map[string]parquet.Row{}
		n := 0
		for _, f := range m.filesOf(table.name) {
			err := lake.eachRow(table, f, func(row parquet.Row) error {
				key := tenantOf(row) + bytesOf(row, table.key)
				if table.kind != stated {
					n++
					key = fmt.Sprint(n)
				}
				newest[key] = row
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range newest {
			switch {
			case table.kind != stated:
				all[table.name] = append(all[table.name], fmt.Sprint(row))
			case !row[table.withdrawn].Boolean():
				all[table.name] = append(all[table.name], tenantOf(row)+bytesOf(row, table.key)+bytesOf(row, table.values))
			}
		}
		slices.Sort(all[table.name])
	}
	return all
}

// Tree is every file below a folder, with what it holds.
func Tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(place string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(place, lock.Suffix) {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, place))
		files[place] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// RowsOf are all rows of a table.
func RowsOf(t *testing.T, dir, table string) []parquet.Row {
	t.Helper()
	m, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var rows []parquet.Row
	for _, f := range m.filesOf(table) {
		err := (&target{dir: dir, manifest: m}).eachRow(tableOf(table), f, func(row parquet.Row) error {
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// Mentions lists the tables with one of two words in a row or in a log, and the
// manifest, whatever the case. Files that are not in the lake count.
func Mentions(t *testing.T, dir string, words ...string) []string {
	t.Helper()
	found := map[string]bool{}
	has := func(text string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(w)) })
	}
	for place, text := range Tree(t, dir) {
		table, _, _ := strings.Cut(place, "/")
		if !strings.HasSuffix(place, ".parquet") {
			if has(text) {
				found[place] = true
			}
			continue
		}
		c, err := newCursor(tableOf(table), strings.NewReader(text), int64(len(text)), place)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.rest(func(row parquet.Row) error {
			found[table] = found[table] || has(fmt.Sprint(row))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	maps.DeleteFunc(found, func(_ string, yes bool) bool { return !yes })
	return slices.Sorted(maps.Keys(found))
}

// TenantRows are all rows of a tenant, of tables that an export does not replace.
func TenantRows(t *testing.T, dir, tenant string) []string {
	t.Helper()
	var rows []string
	for _, table := range tables {
		if table.kind == replaced {
			continue
		}
		for _, row := range RowsOf(t, dir, table.name) {
			if tenantOf(row) == tenant {
				rows = append(rows, table.name+fmt.Sprint(row))
			}
		}
	}
	slices.Sort(rows)
	return rows
}
