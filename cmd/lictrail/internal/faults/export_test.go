package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lakeScene is an export to be killed: into a folder that is not there, or into a
// lake that has the first week.
type lakeScene struct {
	name string
	from string            // folder with t.db and perhaps a lake
	old  map[string]string // by table: what readers of the logs find before
	new  map[string]string // and after
}

// lakeArgs export the history of a folder to its lake.
func lakeArgs(dir string) []string {
	return []string{"export", filepath.Join(dir, "lake"), "--db", dbIn(dir), "--quiet"}
}

// TestR20_KillExport kills an export at each occurrence of each system call on
// files. Whatever it leaves, the log of each table names the files of before or of
// after, all of them whole; and the next export arrives at the lake that an export
// makes which nothing disturbs.
func TestR20_KillExport(t *testing.T) {
	needStrace(t)
	w := newWorld(t)
	export := func(dir string) {
		if r := execute(t, dir, nil, lakeArgs(dir)...); r.code != 0 {
			t.Fatalf("export: %v", r)
		}
	}
	first := w.copyOf(t, w.first)
	whole := w.copyOf(t, first)
	export(whole)
	second := w.copyOf(t, whole)
	w.sync(t, second)
	later := w.copyOf(t, second)
	export(later)
	scenes := []lakeScene{
		{"first export", first, map[string]string{}, lakeOf(t, whole)},
		{"next export", second, lakeOf(t, whole), lakeOf(t, later)},
	}
	names := append(slices.Clone(roomCalls), "mkdirat", "unlinkat")
	if heavy {
		names = append(slices.Clone(fileCalls), "mkdirat")
	}
	killed, mixed, torn, lost, there := 0, 0, 0, 0, 0
	for _, s := range scenes {
		if maps.Equal(s.old, s.new) {
			t.Fatalf("%s: nothing is new: it proves nothing", s.name)
		}
		in := func(do func(dir string)) {
			dir := t.TempDir()
			copyInto(t, s.from, dir)
			do(dir)
			os.RemoveAll(dir)
		}
		var counts map[string]int
		in(func(dir string) { counts = calls(t, dir, names, lakeArgs(dir)...) })
		for _, n := range counts {
			there += n
		}
		for _, p := range points(counts, size(4, all)) {
			in(func(dir string) {
				if _, struck := strike(t, dir, p, "signal=KILL", "", lakeArgs(dir)...); !struck {
					return
				}
				killed++
				found := lakeOf(t, dir)
				isOld, isNew := true, true
				for table := range maps.Keys(s.new) {
					isOld, isNew = isOld && found[table] == s.old[table], isNew && found[table] == s.new[table]
					if found[table] != s.old[table] && found[table] != s.new[table] {
						torn++
						t.Errorf("%s, killed at %v: table %s is neither as before nor as after", s.name, p, table)
					}
				}
				if !isOld && !isNew {
					mixed++
				}
				r := execute(t, dir, nil, lakeArgs(dir)...)
				if got := lakeOf(t, dir); r.code != 0 || !maps.Equal(got, s.new) {
					lost++
					t.Errorf("%s, killed at %v: the next export does not arrive: %v", s.name, p, r)
				}
				if r := execute(t, dir, nil, "export", "--verify", filepath.Join(dir, "lake"), "--db", dbIn(dir)); r.code != 0 || strings.Contains(r.stderr, "left behind") {
					t.Errorf("%s, killed at %v: the lake does not verify: %v", s.name, p, r)
				}
			})
		}
	}
	if killed == 0 {
		t.Error("nothing was killed: it proves nothing")
	}
	publish(t, "R20", "kill at each system call on files of an export, into a new folder and into a lake", "every point, 0 torn tables, 0 unrecovered",
		"%d points of %d: %d torn tables, %d with some tables of before and some of after, %d unrecovered", killed, there, torn, mixed, lost)
}

// lakeOf is what a reader finds who knows the Delta protocol alone: for each table
// that has a log, the files that the log names and their bytes. A file that is not
// there or is not whole makes it differ from every other.
func lakeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "lake", "*", "_delta_log", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(logs)
	files := map[string]map[string]bool{}
	for _, log := range logs {
		table := filepath.Dir(filepath.Dir(log))
		if files[table] == nil {
			files[table] = map[string]bool{}
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var a struct{ Add, Remove *struct{ Path string } }
			if err := json.Unmarshal(line, &a); err != nil {
				files[table][fmt.Sprintf("torn log %s: %v", log, err)] = true
				continue
			}
			if a.Remove != nil {
				delete(files[table], a.Remove.Path)
			}
			if a.Add != nil {
				files[table][a.Add.Path] = true
			}
		}
	}
	tables := map[string]string{}
	for table, named := range files {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(named)) {
			data, err := os.ReadFile(filepath.Join(table, name))
			if err != nil || !bytes.HasSuffix(data, []byte("PAR1")) {
				fmt.Fprintf(&b, "not whole: %s %v\n", name, err)
				continue
			}
			fmt.Fprintf(&b, "%s %d\n", name, len(data))
		}
		tables[filepath.Base(table)] = b.String()
	}
	return tables
}
