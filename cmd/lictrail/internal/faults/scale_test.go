package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestR17_Scale lets tenants of two sizes grow for a year, run by run. That of
// 100,000 users is docs/performance.md's.
func TestR17_Scale(t *testing.T) {
	onlyHeavy(t)
	t.Setenv(asProgram, "1") // for the processes that are measured
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bench := filepath.Join(t.TempDir(), "bench")
	goCommand(t, root, "build", "-o", bench, "./cmd/bench")
	var figures []string
	for _, users := range []int{1_000, 10_000} {
		dir := t.TempDir()
		type run struct {
			Peak     float64 `json:"peak_megabytes"`
			Database int64   `json:"database_bytes"`
			Added    int64   `json:"added_bytes"`
		}
		var measured struct {
			Tenants []struct {
				First run   `json:"first_run"`
				Weeks []run `json:"weekly_runs"`
				Quiet run   `json:"quiet_run"`
			} `json:"tenants"`
		}
		cmd := exec.CommandContext(t.Context(), bench, "-lictrail", self, "-dir", dir, "-json", "-tenant", "plain", "-users", fmt.Sprint(users), "-weeks", "51", "-sample", "1000")
		var notes strings.Builder
		cmd.Stderr = &notes
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, notes.String())
		}
		if err := json.Unmarshal(text, &measured); err != nil || len(measured.Tenants) != 1 {
			t.Fatalf("%d tenants, %v", len(measured.Tenants), err)
		}
		r := measured.Tenants[0]
		if len(r.Weeks) != 51 {
			t.Fatalf("%d weeks", len(r.Weeks))
		}
		var added int64
		peak := max(r.First.Peak, r.Quiet.Peak)
		for _, week := range r.Weeks {
			added += week.Added / int64(len(r.Weeks))
			peak = max(peak, week.Peak)
		}
		cmd = program(t.Context(), dir, nil, "verify", "--db", filepath.Join(dir, "plain.db"))
		if v := finish(cmd); v.code != 0 {
			t.Errorf("%d users: verify: %v", users, v)
		}
		p := cmd.ProcessState
		figures = append(figures, fmt.Sprintf("%d users: %d KB by the first run, %d KB a week, %.0f MB of memory at most; verified in %.1f s of CPU with %d MB",
			users, r.First.Database>>10, added>>10, peak, (p.UserTime()+p.SystemTime()).Seconds(), p.SysUsage().(*syscall.Rusage).Maxrss>>10))
	}
	publish(t, "R17", "52 runs, with changes for 1 % of the users each week", "published", "%s", strings.Join(figures, ". "))
}

// TestR18_Backup backs up at every request of a run and while it commits, and
// restores: the backup must be the history before or after, seal for seal, and
// go on as the original does.
func TestR18_Backup(t *testing.T) {
	w := newWorld(t)
	s, empty := w.scenes()[1], scene{}
	requests, window := w.writeWindow(t, s)
	backups, old := 0, 0
	try := func(request int, wait time.Duration) {
		s.in(t, func(dir string) {
			empty.in(t, func(restored string) {
				var backup result
				file := filepath.Join(restored, "backup")
				run := w.interrupt(t, dir, request, func(*os.Process) {
					time.Sleep(wait)
					backup = command("backup", file, "--db", dbIn(dir))
				})
				backups++
				must(os.Rename(file, dbIn(restored)))
				found := w.judge(t, restored, w.old, w.new)
				if found == isOld {
					old++
				}
				head := headOf(t, restored)
				chain := command("verify", "--db", dbIn(dir), "--head", head)
				if run.code != 0 || backup.code != 0 || found == isTorn || chain.code != 0 {
					t.Errorf("a backup %v after request %d holds the %s history; run %v, backup %v, its head in the original %v", wait, request, found, run, backup, chain)
				}
				if !w.recovers(t, restored, w.new) {
					t.Errorf("a backup %v after request %d, restored, does not go on", wait, request)
				}
			})
		})
	}
	for request := 1; request <= requests; request += size(requests/2, 1) {
		try(request, 0)
	}
	for i := range size(2, 40) {
		try(requests, 2*window*time.Duration(i)/time.Duration(size(2, 40)))
	}
	publish(t, "R18", "backup at every request of a run and while it commits, restored, verified and gone on with", "equal digests, 100 %",
		"%d backups: %d of the history before, %d after; %d with a head of the original's, verified, and arrived at the same by the next run", backups, old, backups-old, backups)
}

// headOf is the newest head of a history.
func headOf(t *testing.T, dir string) string {
	t.Helper()
	r := command("verify", "--db", dbIn(dir), "--format", "json")
	m := regexp.MustCompile(`"head": ?"([0-9a-f]{64})"`).FindStringSubmatch(r.stdout)
	if r.code != 0 || m == nil {
		t.Fatalf("verify: %v", r)
	}
	return m[1]
}
