package faults

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lictrail/graph/graphtest"
)

// scene is where faults strike: a history before and after a run.
type scene struct {
	name     string
	from     string // folder to start from; "" for none
	old, new string
}

func (w *world) scenes() []scene {
	return []scene{{"first run", "", "", w.begun}, {"weekly run", w.first, w.old, w.new}}
}

// in hands a fresh folder of the scene to a function.
func (s scene) in(t *testing.T, do func(dir string)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lictrail-faults-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if s.from != "" {
		copyInto(t, s.from, dir)
	}
	do(dir)
}

// tally counts what became of histories.
type tally struct {
	mu sync.Mutex

	there                               int // occurrences that a run without a fault has
	chosen                              int // those of them to strike at
	points, old, new, torn, unrecovered int
	falseSuccess, failedButCommitted    int

	judged map[[sha256.Size]byte]verdict // what became of files, by what they hold
}

// verdict is what files hold after a fault, and whether the next run arrives.
type verdict struct {
	found     state
	recovered bool
}

// judge judges files that a fault left, and lets the next run be: once for all
// that are the same to the byte, as they are wherever nothing was written yet.
func (sum *tally) judge(t *testing.T, w *world, s scene, dir string) verdict {
	t.Helper()
	left := remains(t, s, dir)
	sum.mu.Lock()
	v, known := sum.judged[left]
	sum.mu.Unlock()
	if known {
		return v
	}
	v = verdict{w.judge(t, dir, s.old, s.new), w.recovers(t, dir, s.new)}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	if sum.judged == nil {
		sum.judged = map[[sha256.Size]byte]verdict{}
	}
	sum.judged[left] = v
	return v
}

// remains is a digest of a folder's files, by name, mode and content. The content
// of two says nothing: SQLite makes its index anew after a crash, and the lock
// says which run is active.
func remains(t *testing.T, s scene, dir string) (digest [sha256.Size]byte) {
	t.Helper()
	h := sha256.New()
	fmt.Fprintln(h, s.name)
	eachFile(t, dir, func(info os.FileInfo, data []byte) {
		if strings.HasSuffix(info.Name(), "-shm") || strings.HasSuffix(info.Name(), ".lock") {
			data = nil
		}
		fmt.Fprintf(h, "%s %v %x\n", info.Name(), info.Mode(), sha256.Sum256(data))
	})
	return [sha256.Size]byte(h.Sum(nil))
}

// take counts a history that a fault struck.
func (sum *tally) take(t *testing.T, w *world, s scene, dir string, r result, what any) state {
	t.Helper()
	v := sum.judge(t, w, s, dir)
	found := v.found
	sum.mu.Lock()
	defer sum.mu.Unlock()
	sum.points++
	switch found {
	case isOld:
		sum.old++
	case isNew:
		sum.new++
	default:
		sum.torn++
		t.Errorf("%s, %v: torn: %v", s.name, what, r)
	}
	if r.code == 0 && found != isNew {
		sum.falseSuccess++
		t.Errorf("%s, %v: it said success, and history is %s", s.name, what, found)
	}
	if r.code > 0 && found == isNew && s.old != s.new {
		sum.failedButCommitted++
	}
	if !v.recovered {
		sum.unrecovered++
		t.Errorf("%s, %v: the next run does not arrive: %v", s.name, what, r)
	}
	return found
}

// TestR1_KillAtEverySyscall kills the program at each occurrence of each system
// call on files, in a first run and in a weekly one.
func TestR1_KillAtEverySyscall(t *testing.T) {
	needStrace(t)
	w := newWorld(t)
	var sum tally
	for _, s := range w.scenes() {
		w.everywhere(t, s, fileCalls, size(4, all), "signal=KILL", "", &sum)
	}
	sum.mustStrike(t)
	publish(t, "R1", "kill at each system call on files, first and weekly run", "every point, 0 torn, 0 unrecovered",
		"%d points of %d: %d old, %d new, %d torn, %d unrecovered", sum.points, sum.there, sum.old, sum.new, sum.torn, sum.unrecovered)
}

// mustStrike holds the strikes against the occurrences that were chosen.
func (sum *tally) mustStrike(t *testing.T) {
	t.Helper()
	if missed := sum.chosen - sum.points; missed > sum.chosen/100 || sum.points == 0 {
		t.Errorf("%d occurrences of %d did not come again", missed, sum.chosen)
	}
}

// everywhere strikes at the occurrences of some system calls, at most so many,
// some at a time.
func (w *world) everywhere(t *testing.T, s scene, names []string, most int, fault, when string, sum *tally) {
	t.Helper()
	counts := w.steady(t, s, names)
	for _, n := range counts {
		sum.there += n
	}
	chosen := points(counts, most)
	sum.chosen += len(chosen)
	var next atomic.Int64
	t.Run(fmt.Sprintf("%s, %s%s", s.name, fault, when), func(t *testing.T) {
		t.Logf("%d points: %v", len(chosen), counts)
		for range workers {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1); int(i) <= len(chosen); i = next.Add(1) {
					p := chosen[i-1]
					if !w.struck(t, s, p, fault, when, sum) {
						t.Logf("%v did not come again", p)
					}
				}
			})
		}
	})
}

// steady counts the system calls of a scene: those that each of some runs has.
func (w *world) steady(t *testing.T, s scene, names []string) (least map[string]int) {
	t.Helper()
	for range size(1, 4) {
		s.in(t, func(dir string) {
			counts := calls(t, dir, names, w.syncArgs(dir)...)
			if least == nil {
				least = counts
			}
			for name, n := range least {
				least[name] = min(n, counts[name])
			}
		})
	}
	return least
}

// struck lets a fault strike and judges what it leaves. Threads share calls
// differently each time, so that an occurrence may come at the next try.
func (w *world) struck(t *testing.T, s scene, p point, fault, when string, sum *tally) (struck bool) {
	t.Helper()
	for try := 0; try < 3 && !struck; try++ {
		s.in(t, func(dir string) {
			var r result
			if r, struck = strike(t, dir, p, fault, when, w.syncArgs(dir)...); struck {
				sum.take(t, w, s, dir, r, fmt.Sprint(fault, when, " at ", p))
			}
		})
	}
	return struck
}

// TestR2_IOErrors lets system calls fail, once and from then on.
func TestR2_IOErrors(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	var sum tally
	for _, s := range w.scenes() {
		w.everywhere(t, s, fileCalls, all, "error=EIO", "", &sum)
		w.everywhere(t, s, roomCalls, all, "error=ENOSPC", "", &sum)
		w.everywhere(t, s, lasting(fileCalls), all, "error=EIO", "+", &sum)
		w.everywhere(t, s, lasting(roomCalls), all, "error=ENOSPC", "+", &sum)
	}
	sum.mustStrike(t)
	publish(t, "R2", "EIO at each system call on files, and ENOSPC at each that can need room, once and from then on", "every point, 0 torn, 0 false success, no change told twice",
		"%d points of %d: %d torn, %d false successes, %d unrecovered; %d failed and were committed, which the next run recognized",
		sum.points, sum.there, sum.torn, sum.falseSuccess, sum.unrecovered, sum.failedButCommitted)
}

// lasting are the calls that can fail from some moment on without the network
// failing with the disk: connections are read and written as files are. A run
// whose audit log is out of reach is complete, and knows less.
func lasting(calls []string) []string {
	return slices.DeleteFunc(slices.Clone(calls), func(name string) bool { return name == "read" || name == "write" })
}

// TestR2_NothingCanBeSeen lets every look at a file fail from some moment on. It
// once went on looking for ever.
func TestR2_NothingCanBeSeen(t *testing.T) {
	needStrace(t)
	w := newWorld(t)
	var sum tally
	w.everywhere(t, w.scenes()[0], []string{"stat", "lstat", "newfstatat"}, all, "error=EIO", "+", &sum)
	sum.mustStrike(t)
}

// TestR3_RandomKill kills the program at random moments after its last request,
// when it compares and commits, and reports at which points the kills happened.
func TestR3_RandomKill(t *testing.T) {
	w := newWorld(t)
	s := w.scenes()[1]
	last, window := w.writeWindow(t, s)
	random := rand.New(rand.NewPCG(3, 3))
	var sum tally
	var late int
	var worst time.Duration
	runs := size(3, 150)
	for i := range runs {
		s.in(t, func(dir string) {
			kill := time.Duration(random.Int64N(int64(window)))
			r := w.interrupt(t, dir, last, func(p *os.Process) {
				time.Sleep(kill)
				_ = p.Kill() // it may be over
			})
			if !r.killed {
				late++
			}
			begun := time.Now()
			sum.take(t, w, s, dir, r, i)
			worst = max(worst, time.Since(begun))
		})
	}
	inside := 100 * (runs - late) / runs
	if heavy && inside < 60 {
		t.Errorf("%d %% of the kills fell into the write window, want 60", inside)
	}
	publish(t, "R3", "kill -9 at random moments after the last request", "≥ 60 % inside, 0 torn",
		"%d runs, %d %% killed inside: %d before the commit, %d after it, %d torn, %d unrecovered; checking and recovering took %.1f s at most",
		runs, inside, sum.old, sum.new-late, sum.torn, sum.unrecovered, worst.Seconds())
}

// writeWindow counts the requests of a run, and measures how long it goes on
// after the last.
func (w *world) writeWindow(t *testing.T, s scene) (requests int, window time.Duration) {
	t.Helper()
	var all []time.Duration
	for range 5 {
		s.in(t, func(dir string) {
			var last time.Time
			requests = 0
			w.on(func(graphtest.Request) { requests++; last = time.Now() })
			defer w.on(nil)
			if r := execute(t, dir, nil, w.syncArgs(dir)...); r.code != 0 {
				t.Fatalf("sync: %v", r)
			}
			all = append(all, time.Since(last))
		})
	}
	slices.Sort(all)
	return requests, all[len(all)/2]
}

// interrupt runs the program and does something to it when it sends its nth
// request.
func (w *world) interrupt(t *testing.T, dir string, n int, do func(*os.Process)) result {
	t.Helper()
	arrived := make(chan struct{})
	seen := 0
	w.on(func(graphtest.Request) {
		if seen++; seen == n {
			close(arrived)
		}
	})
	defer w.on(nil)
	ctx := t.Context()
	cmd := program(ctx, dir, nil, w.syncArgs(dir)...)
	return finishWith(cmd, func(over <-chan struct{}) {
		select {
		case <-arrived:
			do(cmd.Process)
		case <-over:
		}
	})
}

// TestR4_FaultDuringRecovery leaves crashed histories of several kinds behind,
// and kills the next run at each system call while it recovers.
func TestR4_FaultDuringRecovery(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	weekly := w.scenes()[1]
	var counts map[string]int
	weekly.in(t, func(dir string) { counts = calls(t, dir, []string{"pwrite64", "fsync", "unlink"}, w.syncArgs(dir)...) })
	var sum tally
	crashed, lost := 0, 0
	for _, p := range points(counts, size(1, 5)) {
		weekly.in(t, func(crash string) {
			if _, struck := strike(t, crash, p, "signal=KILL", "", w.syncArgs(crash)...); !struck {
				return
			}
			crashed++
			s := scene{"recovery after " + p.call, crash, w.old, w.new}
			var was state
			s.in(t, func(dir string) { was = w.judge(t, dir, w.old, w.new) })
			var again map[string]int
			s.in(t, func(dir string) { again = calls(t, dir, fileCalls, w.syncArgs(dir)...) })
			for _, q := range points(again, size(2, 15)) {
				for _, fault := range []string{"signal=KILL", "error=EIO"} {
					s.in(t, func(dir string) {
						if r, struck := strike(t, dir, q, fault, "", w.syncArgs(dir)...); struck {
							if found := sum.take(t, w, s, dir, r, q); was == isNew && found != isNew {
								lost++
								t.Errorf("%v after %v: the snapshot that was committed is lost", q, p)
							}
						}
					})
				}
			}
		})
	}
	if crashed == 0 || sum.points == 0 {
		t.Error("nothing crashed: it proves nothing")
	}
	publish(t, "R4", "kill and EIO at each system call while a crashed history is recovered", "0 lost, 0 torn",
		"%d crashed histories, %d points: %d lost snapshots, %d torn, %d unrecovered", crashed, sum.points, lost, sum.torn, sum.unrecovered)
}
