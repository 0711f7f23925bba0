package faults

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
	var sum lakeTally
	random := rand.New(rand.NewPCG(20, 1)) // what there is no time for is left out of all calls alike
	for i, s := range scenes {
		if maps.Equal(s.old, s.new) {
			t.Fatalf("%s: nothing is new: it proves nothing", s.name)
		}
		var counts map[string]int
		s.in(t, func(dir string) { counts = calls(t, dir, names, lakeArgs(dir)...) })
		for _, n := range counts {
			sum.there += n
		}
		chosen := points(counts, size(4, all))
		random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		outOfTime := shareOfTime(t, len(scenes)-i)
		var next atomic.Int64
		t.Run(s.name, func(t *testing.T) {
			for range workers {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					for i := next.Add(1); int(i) <= len(chosen) && !outOfTime(); i = next.Add(1) {
						s.in(t, func(dir string) {
							if _, struck := strike(t, dir, chosen[i-1], "signal=KILL", "", lakeArgs(dir)...); struck {
								sum.take(t, s, chosen[i-1], dir)
							}
						})
					}
				})
			}
		})
	}
	if sum.killed == 0 {
		t.Error("nothing was killed: it proves nothing")
	}
	publish(t, "R20", "kill at each system call on files of an export, into a new folder and into a lake", "every point, 0 torn tables, 0 unrecovered",
		"%d points of %d: %d torn tables, %d with some tables of before and some of after, %d unrecovered", sum.killed, sum.there, sum.torn, sum.mixed, sum.lost)
}

// shareOfTime reports whether one of so many parts of the time that -timeout leaves is
// over, less what it takes to end well.
func shareOfTime(t *testing.T, parts int) (over func() bool) {
	deadline, ok := t.Deadline()
	if !ok {
		return func() bool { return false }
	}
	end := time.Now().Add(time.Until(deadline.Add(-2*time.Minute)) / time.Duration(parts))
	return func() bool { return time.Now().After(end) }
}

// in hands a fresh folder of the scene to a function.
func (s lakeScene) in(t *testing.T, do func(dir string)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lictrail-faults-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	copyInto(t, s.from, dir)
	do(dir)
}

// lakeTally counts what became of lakes.
type lakeTally struct {
	mu                               sync.Mutex
	there, killed, mixed, torn, lost int
	judged                           map[[sha256.Size]byte]lakeVerdict // by what was left
}

// lakeVerdict is what an export that was killed has left.
type lakeVerdict struct {
	torn      []string // tables
	mixed     bool     // some tables are as before and some as after
	recovered bool
}

// take judges what a kill left: once for all that are the same to the byte.
func (sum *lakeTally) take(t *testing.T, s lakeScene, p point, dir string) {
	t.Helper()
	left := leftIn(t, s, dir)
	sum.mu.Lock()
	v, known := sum.judged[left]
	sum.mu.Unlock()
	if !known {
		v = s.judge(t, p, dir)
	}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	if sum.judged == nil {
		sum.judged = map[[sha256.Size]byte]lakeVerdict{}
	}
	sum.judged[left] = v
	sum.killed++
	sum.torn += len(v.torn)
	if v.mixed {
		sum.mixed++
	}
	if !v.recovered {
		sum.lost++
	}
}

// judge reads the lake as it was left, and lets the next export be.
func (s lakeScene) judge(t *testing.T, p point, dir string) (v lakeVerdict) {
	t.Helper()
	found := lakeOf(t, dir)
	isOld, isNew := true, true
	for table := range s.new {
		isOld, isNew = isOld && found[table] == s.old[table], isNew && found[table] == s.new[table]
		if found[table] != s.old[table] && found[table] != s.new[table] {
			v.torn = append(v.torn, table)
			t.Errorf("%s, killed at %v: table %s is neither as before nor as after", s.name, p, table)
		}
	}
	v.mixed = !isOld && !isNew
	r := execute(t, dir, nil, lakeArgs(dir)...)
	v.recovered = r.code == 0 && maps.Equal(lakeOf(t, dir), s.new)
	if !v.recovered {
		t.Errorf("%s, killed at %v: the next export does not arrive: %v", s.name, p, r)
	}
	if r := execute(t, dir, nil, "export", "--verify", filepath.Join(dir, "lake"), "--db", dbIn(dir)); r.code != 0 || strings.Contains(r.stderr, "left behind") {
		t.Errorf("%s, killed at %v: the lake does not verify: %v", s.name, p, r)
	}
	return v
}

// leftIn is a digest of all files below a folder, by name, mode and content. What
// temporary files are called says nothing, nor does what locks hold, and SQLite's
// index.
func leftIn(t *testing.T, s lakeScene, dir string) (digest [sha256.Size]byte) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, data := strings.TrimPrefix(path, dir), []byte(nil)
		if !entry.IsDir() && !strings.HasSuffix(name, "-shm") && !strings.HasSuffix(name, ".lock") {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		if strings.HasSuffix(name, ".tmp") {
			name = filepath.Dir(name) + "/.tmp"
		}
		files = append(files, fmt.Sprintf("%s %v %x", name, entry.Type(), sha256.Sum256(data)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return sha256.Sum256([]byte(s.name + "\n" + strings.Join(files, "\n")))
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
