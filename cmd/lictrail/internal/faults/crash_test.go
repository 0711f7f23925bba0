package faults

import (
	"math/rand/v2"
	"os"
	"slices"
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
	points, missed, old, new, torn, unrecovered int
	falseSuccess, failedButCommitted            int
}

// take judges a history that a fault struck, and lets the next run be.
func (sum *tally) take(t *testing.T, w *world, s scene, dir string, r result, what any) state {
	t.Helper()
	sum.points++
	found := w.judge(t, dir, s.old, s.new)
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
	if !w.recovers(t, dir, s.new) {
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
		w.everywhere(t, s, fileCalls, size(4, 90), "signal=KILL", "", &sum)
	}
	if least := size(4, 150); sum.points < least {
		t.Errorf("struck %d times, want %d at least", sum.points, least)
	}
	publish(t, "R1", "kill at each system call on files, first and weekly run", "≥ 150 points, 0 torn, 0 unrecovered",
		"%d points: %d old, %d new, %d torn, %d unrecovered", sum.points, sum.old, sum.new, sum.torn, sum.unrecovered)
}

// everywhere strikes at the occurrences of some system calls.
func (w *world) everywhere(t *testing.T, s scene, names []string, most int, fault, when string, sum *tally) {
	t.Helper()
	var counts map[string]int
	s.in(t, func(dir string) { counts = calls(t, dir, names, w.syncArgs(dir)...) })
	t.Logf("%s: %v", s.name, counts)
	for _, p := range points(t, counts, most) {
		s.in(t, func(dir string) {
			r, struck := strike(t, dir, p, fault, when, w.syncArgs(dir)...)
			if !struck {
				sum.missed++
				return
			}
			sum.take(t, w, s, dir, r, p)
		})
	}
}

// TestR2_IOErrors lets system calls fail, once and from then on.
func TestR2_IOErrors(t *testing.T) {
	onlyHeavy(t)
	needStrace(t)
	w := newWorld(t)
	var sum tally
	reads := []string{"open", "openat", "lstat", "stat", "newfstatat", "pread64", "pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "fcntl"}
	writes := []string{"open", "openat", "pwrite64", "write", "fsync", "ftruncate"}
	for _, s := range w.scenes() {
		for _, when := range []string{"", "+"} {
			w.everywhere(t, s, reads, size(1, 30), "error=EIO", when, &sum)
			w.everywhere(t, s, writes, size(1, 15), "error=ENOSPC", when, &sum)
		}
	}
	publish(t, "R2", "EIO and ENOSPC at each system call on files, once and from then on", "0 torn, 0 false success, no change told twice",
		"%d points: %d torn, %d false successes, %d unrecovered; %d failed and were committed, which the next run recognized",
		sum.points, sum.torn, sum.falseSuccess, sum.unrecovered, sum.failedButCommitted)
}

// TestR3_RandomKill kills the program at random moments after its last request,
// when it compares and commits, and tells where the kills fell.
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
	for _, p := range points(t, counts, size(1, 5)) {
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
			for _, q := range points(t, again, size(2, 15)) {
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
