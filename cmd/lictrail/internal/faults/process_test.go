package faults

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestR11_Contention lets eight runs write at once, a writer hold the lock for
// longer than anybody waits, and readers read meanwhile.
func TestR11_Contention(t *testing.T) {
	onlyHeavy(t)
	w := newWorld(t)
	weekly := w.scenes()[1]
	committed, refused := 0, 0
	for range size(1, 4) {
		weekly.in(t, func(dir string) {
			var wg sync.WaitGroup
			results := make([]result, 8)
			for i := range results {
				wg.Go(func() { results[i] = execute(t, dir, nil, w.syncArgs(dir)...) })
			}
			wg.Wait()
			done := 0
			for _, r := range results {
				switch r.code {
				case 0:
					done++
				case 7:
					refused++
				default:
					t.Errorf("%v, want success or exit code 7", r)
				}
			}
			committed += done
			runs := strings.Count(command("runs", "--db", dbIn(dir), "--format", "csv").stdout, ",complete,")
			if done == 0 || runs != 1+done {
				t.Errorf("%d said success, %d complete runs beside the first", done, runs-1)
			}
			if found := w.judge(t, dir, w.old, w.new); found != isNew {
				t.Errorf("after eight runs at once history is %s", found)
			}
		})
	}
	waited := w.heldLock(t, weekly)
	publish(t, "R11", "eight runs at once on one database; a lock that is held; a reader meanwhile", "0 lost, busy is exit code 7",
		"%d runs: %d committed, %d refused as busy or overtaken, 0 lost; a held lock was given up on in %.0f s, and readers did not wait", committed+refused, committed, refused, waited.Seconds())
}

// heldLock runs while somebody else writes.
func (w *world) heldLock(t *testing.T, s scene) (waited time.Duration) {
	t.Helper()
	s.in(t, func(dir string) {
		db, err := sql.Open("sqlite", "file:"+dbIn(dir)+"?_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := execute(t, dir, nil, "assignments", "--db", dbIn(dir)); r.code != 0 {
			t.Errorf("a reader during a write: %v", r)
		}
		begun := time.Now()
		if r := execute(t, dir, nil, w.syncArgs(dir)...); r.code != 7 {
			t.Errorf("a run while the lock is held: %v, want exit code 7", r)
		}
		waited = time.Since(begun)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	})
	return waited
}

// TestR12_Signals sends the signals that end a program at random moments of a
// run.
func TestR12_Signals(t *testing.T) {
	onlyHeavy(t)
	need(t, !signal.Ignored(syscall.SIGHUP), "a hangup is ignored here, as nohup has it")
	w := newWorld(t)
	s := w.scenes()[1]
	requests, window := w.writeWindow(t, s)
	random := rand.New(rand.NewPCG(12, 12))
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	var sum tally
	interrupted, finished := 0, 0
	for i := range size(6, 60) {
		s.in(t, func(dir string) {
			at, wait := 1+random.IntN(requests), time.Duration(random.Int64N(int64(window)))
			if i%2 == 0 {
				at = requests
			}
			r := w.interrupt(t, dir, at, func(p *os.Process) {
				time.Sleep(wait)
				_ = p.Signal(signals[i%3]) // it may be over
			})
			found := sum.take(t, w, s, dir, r, fmt.Sprint(signals[i%3], " at request ", at))
			switch {
			case r.code == 130 && found == isOld:
				interrupted++
			case r.code == 0 && found == isNew:
				finished++
			default:
				t.Errorf("%v: %v, and history is %s", signals[i%3], r, found)
			}
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("%v left %v", signals[i%3], left)
			}
		})
	}
	publish(t, "R12", "SIGINT, SIGTERM and SIGHUP at random moments of a run", "exit code 130 and the old history, or 0 and the new one; no file left",
		"%d signals: %d interrupted with 130, %d came after the commit, %d torn, 0 files left", sum.points, interrupted, finished, sum.torn)
}

// TestR19_Leak runs many times in one process.
func TestR19_Leak(t *testing.T) {
	onlyHeavy(t)
	need(t, runtime.GOOS == "linux", "it counts open files in /proc")
	w := newWorld(t)
	s := w.scenes()[1]
	s.in(t, func(dir string) {
		t.Setenv("TMPDIR", dir)
		for range 3 {
			w.sync(t, dir)
		}
		files, routines := settled(func() int { return openFiles(t) }), settled(runtime.NumGoroutine)
		runs := size(10, 150)
		for range runs {
			w.sync(t, dir)
			command("assignments", "--db", dbIn(dir))
		}
		if now := settled(func() int { return openFiles(t) }); now > files {
			t.Errorf("%d open files, %d before", now, files)
		}
		if now := settled(runtime.NumGoroutine); now > routines {
			t.Errorf("%d goroutines, %d before", now, routines)
		}
		// The simulated tenant remembers requests, so runs do not count here.
		held := heap()
		for range runs {
			command("assignments", "--db", dbIn(dir))
		}
		if grown := heap() - held; grown > 1<<20 {
			t.Errorf("%d commands left %d KB of memory behind", runs, grown>>10)
		}
		afterReader(t, dir)
		w.sync(t, dir)
		if left := filesIn(t, dir); !slices.Equal(left, []string{"t.db"}) {
			t.Errorf("after a run there are %v", left)
		}
		if found := w.judge(t, dir, w.old, w.new); found != isNew {
			t.Errorf("after %d runs of one state history is %s", runs, found)
		}
		publish(t, "R19", "runs in one process: open files, goroutines, memory, files left behind", "no growth", "%d runs: no growth", runs)
	})
}

// heap is what is in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// settled counts what is there once that which is about to end has ended.
func settled(count func() int) int {
	counts := make([]int, 20)
	for i := range counts {
		time.Sleep(5 * time.Millisecond)
		counts[i] = count()
	}
	return slices.Min(counts)
}

// afterReader looks at what a reading command leaves that was the last to have
// the database open: SQLite's index in shared memory and an empty log, which a
// connection that may not write cannot take away.
func afterReader(t *testing.T, dir string) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		switch known := name == "t.db" || name == "t.db-shm" || name == "t.db-wal" && info.Size() == 0; {
		case !known:
			t.Errorf("a reader left %s, of %d bytes", name, info.Size())
		case info.Mode() != 0o600:
			t.Errorf("a reader left %s with mode %v", name, info.Mode())
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
