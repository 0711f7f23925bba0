package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/graph/graphtest"
)

const day = 24 * time.Hour

// workers is how many strikes are made at a time: most of those on locks wait.
const workers = 6

// world is a small tenant in its second week, served on this machine, and the
// history that its first weekly run has left. The tenant stands still from then
// on, so that every next run must arrive at the same history.
type world struct {
	tenant *graphtest.Tenant
	server *graphtest.Server
	base   string
	first  string           // folder of the history after the first run
	old    string           // what that history says
	new    string           // what history says after the second run
	begun  string           // what a history says that begins in the second week
	now    func() time.Time // this machine's clock, where it is wrong; nil: it is right
	hook   atomic.Pointer[func(graphtest.Request)]
}

// newWorld makes the world of all tests that need no other.
func newWorld(t *testing.T, opts ...graphtest.Option) *world {
	t.Helper()
	return worldOf(t, firstWeek, secondWeek, opts...)
}

// newCrowd makes a world that is larger than SQLite's cache, so that rows reach
// the disk before they are committed.
func newCrowd(t *testing.T) *world {
	t.Helper()
	name := func(i, year int) string { return fmt.Sprintf("Crowd %d of %d %s", i, year, strings.Repeat("x", 250)) }
	return worldOf(t, func() *graphtest.Tenant {
		t := firstWeek()
		t.Pace = time.Second
		must(t.BuySeats(ems, 5000))
		for i := range 2500 {
			t.AddUser(t.Admins[0], graphtest.UserSpec{Name: name(i, 1), Department: fmt.Sprint("Department ", i), SKUs: []string{ems}})
		}
		t.Advance(day)
		return t
	}, func(t *graphtest.Tenant) *graphtest.Tenant {
		for i, id := range t.UserIDs() {
			must(t.Rename(t.Admins[0], id, name(i, 2)))
		}
		return secondWeek(t)
	})
}

func worldOf(t *testing.T, first func() *graphtest.Tenant, second func(*graphtest.Tenant) *graphtest.Tenant, opts ...graphtest.Option) *world {
	t.Helper()
	w := &world{tenant: first(), first: t.TempDir()}
	w.serve(t, opts...)
	w.sync(t, w.first)
	w.old = w.say(t, w.first)
	second(w.tenant)

	later := w.copyOf(t, w.first)
	w.sync(t, later)
	w.new = w.say(t, later)
	if n := strings.Count(w.new, `"kind"`) - strings.Count(w.old, `"kind"`); w.old == w.new || n < 5 {
		t.Fatalf("the second week differs by %d kinds from the first: it proves nothing", n)
	}
	empty := t.TempDir()
	w.sync(t, empty)
	w.begun = w.say(t, empty)
	return w
}

// firstWeek is a tenant of 20 users, always the same: some hold licenses
// directly, some by a group, some both ways.
func firstWeek() *graphtest.Tenant {
	t := graphtest.New(7)
	admin := t.Admins[0]
	group := t.CreateGroup(admin, "Everybody's suite", "")
	must(t.SetGroupLicense(admin, group, e3))
	for i := range 20 {
		id := t.AddUser(admin, graphtest.UserSpec{Name: fmt.Sprintf("Person %c. Canary", 'A'+i), Department: "Sales"})
		if i%2 == 0 {
			must(t.AssignDirect(admin, id, ems))
		}
		if i%3 == 0 {
			must(t.AddMember(admin, group, id))
		}
	}
	t.Advance(day)
	return t
}

// secondWeek lets things happen to it.
func secondWeek(t *graphtest.Tenant) *graphtest.Tenant {
	t.Advance(2 * day)
	admin, users := t.Admins[0], t.UserIDs()
	group := t.GroupIDs()[0]
	for i, id := range users {
		u := t.User(id)
		switch {
		case i%5 == 0 && u.Holds(ems):
			must(t.RemoveDirect(admin, id, ems))
		case i%5 == 1 && !u.Holds(ems):
			must(t.AssignDirect(admin, id, ems))
		case i%5 == 2 && u.Holds(e3):
			must(t.RemoveMember(admin, group, id))
		case i == 13:
			must(t.DeleteUser(admin, id, graphtest.Entra))
		case i == 14:
			must(t.Rename(admin, id, "Renamed Canary"))
		}
	}
	t.Advance(5 * day)
	return t
}

// must is for what the simulator cannot refuse.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (w *world) serve(t *testing.T, opts ...graphtest.Option) {
	t.Helper()
	opts = append([]graphtest.Option{graphtest.WithTidyRows(), graphtest.WithHook(func(_ *graphtest.Tenant, r graphtest.Request) {
		if hook := w.hook.Load(); hook != nil {
			(*hook)(r)
		}
	})}, opts...)
	w.server = graphtest.NewServer(w.tenant, opts...)
	base, err := w.server.Start()
	if err != nil {
		t.Fatal(err)
	}
	w.base = base
	t.Cleanup(func() { w.server.Close() })
}

// on calls a function at each request from now on; nil ends it.
func (w *world) on(do func(graphtest.Request)) {
	if do == nil {
		w.hook.Store(nil)
		return
	}
	w.hook.Store(&do)
}

func dbIn(dir string) string { return filepath.Join(dir, "t.db") }

// syncArgs are the arguments of a run with the database in a folder.
func (w *world) syncArgs(dir string, more ...string) []string {
	// A system call that fails for ever may be one on the connection: the run must
	// give up before [limit].
	return append([]string{"sync", "--db", dbIn(dir), "--auth", "token", "--graph-endpoint", w.base, "--patience", "5s"}, more...)
}

// result is how a command ended.
type result struct {
	code           int // -1: killed
	killed         bool
	stdout, stderr string
}

func (r result) String() string { return fmt.Sprintf("exit %d, stderr %q", r.code, r.stderr) }

// command runs a command line in this process.
func command(args ...string) result {
	return commandWith(map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken}, args...)
}

// commandWith is command with variables.
func commandWith(env map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return env[name] }
	code := cli.Run(args, strings.NewReader(""), &stdout, &stderr, getenv)
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// sync runs in this process, and must succeed.
func (w *world) sync(t *testing.T, dir string) {
	t.Helper()
	if r := command(w.syncArgs(dir)...); r.code != 0 {
		t.Fatalf("sync: %v", r)
	}
}

// limit is how long a process may take: beyond it, it hangs.
const limit = 2 * time.Minute

// program is the command that runs lictrail in a process of its own, below
// another command if one is given.
func program(ctx context.Context, dir string, under []string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err) // the test binary has a name
	}
	line := slices.Concat(under, []string{self}, args)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir,
		"LICTRAIL_ACCESS_TOKEN=" + graphtest.DefaultToken, "GOMAXPROCS=1"}
	return cmd
}

// execute runs lictrail in a process of its own.
func execute(t *testing.T, dir string, under []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r := finish(program(ctx, dir, under, args...))
	if ctx.Err() != nil {
		t.Fatalf("hangs: %q: %v", args, r)
	}
	return r
}

// finish runs a command to its end.
func finish(cmd *exec.Cmd) result {
	return finishWith(cmd, func(<-chan struct{}) {})
}

// finishWith runs a command to its end and does something meanwhile, which must
// stop when the command is over.
func finishWith(cmd *exec.Cmd, meanwhile func(over <-chan struct{})) result {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err != nil {
		return result{code: -2, stderr: err.Error()}
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		meanwhile(over)
	}()
	err = cmd.Wait()
	close(over)
	<-done
	r := result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.stderr += err.Error()
	}
	r.killed = r.code == -1
	return r
}

// copyOf copies a folder with a history nobody has open.
func (w *world) copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	copyInto(t, dir, to)
	return to
}

func copyInto(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			below := filepath.Join(to, e.Name())
			if err := os.MkdirAll(below, 0o700); err != nil {
				t.Fatal(err)
			}
			copyInto(t, filepath.Join(from, e.Name()), below)
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// say is all that a history answers, less the numbers of runs and changes,
// which depend on how often a run was tried. A history without a run says "".
func (w *world) say(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, question := range []string{"assignments", "changes", "skus", "groups"} {
		r := command(question, "--db", dbIn(dir), "--format", "json")
		if r.code == 2 || r.code == 7 && (strings.Contains(r.stderr, "older build") || strings.Contains(r.stderr, "cut off")) { // no run yet
			return ""
		}
		if r.code != 0 {
			t.Errorf("%s: %v", question, r)
			return "unreadable"
		}
		b.WriteString(plain(t, r.stdout))
	}
	return b.String()
}

// plain writes an answer without numbers of runs and changes.
func plain(t *testing.T, answer string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("%v: %.200s", err, answer)
	}
	text, err := json.Marshal(unnumbered(v))
	if err != nil {
		t.Fatal(err)
	}
	return runNumber.ReplaceAllString(string(text), "run N") + "\n"
}

var runNumber = regexp.MustCompile(`run \d+`)

func unnumbered(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = unnumbered(v[i])
		}
	case map[string]any:
		for key, x := range v {
			if _, number := x.(float64); number && (key == "run" || key == "id") {
				delete(v, key)
				continue
			}
			v[key] = unnumbered(x)
		}
	}
	return v
}

// state says which of two histories a folder has.
type state string

const (
	isOld  state = "old"
	isNew  state = "new"
	isTorn state = "torn"
)

// judge verifies a history after a fault, and says which one it is.
func (w *world) judge(t *testing.T, dir, old, new string) state {
	t.Helper()
	said := w.say(t, dir)
	r := command("verify", "--db", dbIn(dir))
	if r.code != 0 && !(said == "" && (r.code == 2 || r.code == 7)) {
		t.Errorf("verify: %v\n%s", r, r.stdout)
		return isTorn
	}
	switch said {
	case old:
		return isOld
	case new:
		return isNew
	}
	return isTorn
}

// recovers runs once more, and reports whether history then is what it must
// be: the new one, with no change recorded twice.
func (w *world) recovers(t *testing.T, dir, new string) bool {
	t.Helper()
	if r := command(w.syncArgs(dir)...); r.code != 0 {
		t.Errorf("the next run: %v", r)
		return false
	}
	if found := w.judge(t, dir, "", new); found != isNew {
		t.Errorf("after the next run (-want +got):\n%.3000s", cmp.Diff(strings.Split(new, ","), strings.Split(w.say(t, dir), ",")))
		return false
	}
	return true
}

// leftovers are the files of a folder that are neither the database nor what
// SQLite keeps beside it.
func leftovers(t *testing.T, dir string, expected ...string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, "t.db") && !slices.Contains(expected, name) || strings.Contains(name, "spool") {
			names = append(names, name)
		}
	}
	return names
}
