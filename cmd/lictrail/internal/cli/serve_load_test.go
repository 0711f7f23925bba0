package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lictrail/graph/graphtest"
)

// How large the load on the local page is. docs/serve.md has figures of 100,000 users and
// 52 weeks with a second between the questions of a reader.
var (
	loadUsers  = flag.Int("load-users", 500, "users of the tenant that is read while people look at its page")
	loadWeeks  = flag.Int("load-weeks", 3, "weekly runs after the first")
	loadDuring = flag.Int("load-during", 2, "how many of these, the last, go on while people look")
	loadThink  = flag.Duration("load-think", 20*time.Millisecond, "how long a reader waits between two questions, on average")
	loadDelay  = flag.Duration("load-delay", 0, "how long Graph takes until it answers a request, on average")
	loadDB     = flag.String("load-db", "", "file that keeps the database of the runs before, for the next time")
)

const loadReaders = 200

// loadViews are what people look at, and how often of a hundred times.
var loadViews = []struct {
	view  string
	often int
	path  func(rng *rand.Rand, changes int) string
}{
	{"person", 35, func(rng *rand.Rand, _ int) string { return "person/" + graphtest.BigUserID(rng.IntN(*loadUsers)) }},
	{"change", 15, func(rng *rand.Rand, changes int) string { return fmt.Sprintf("change/%d", 1+rng.IntN(changes)) }},
	{"search", 20, func(rng *rand.Rand, _ int) string { return fmt.Sprintf("search?q=user%d", rng.IntN(*loadUsers)) }},
	{"start", 5, func(*rand.Rand, int) string { return "" }},
	{"attention", 5, func(*rand.Rand, int) string { return "attention" }},
	{"week", 4, func(*rand.Rand, int) string { return "week" }},
	{"skus", 3, func(*rand.Rand, int) string { return "skus" }},
	{"sku", 4, func(rng *rand.Rand, _ int) string {
		return "sku/" + []string{graphtest.SKUE5, graphtest.SKUCopilot}[rng.IntN(2)]
	}},
	{"groups", 2, func(*rand.Rand, int) string { return "groups" }},
	{"actors", 2, func(*rand.Rand, int) string { return "actors" }},
	{"reclaim", 2, func(*rand.Rand, int) string { return "reclaim" }},
	{"trust", 3, func(*rand.Rand, int) string { return "trust" }},
}

// TestServe_Readers: 200 people look at pages while runs go on. No run fails, and
// nobody is left without an answer. What that costs is printed, not judged.
func TestServe_Readers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be told to end")
	}
	l := newLoad(t)
	l.runsBefore()
	l.delay = *loadDelay
	changes := l.changes()
	s := serve(t, "--db", l.db)
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadReaders}, Timeout: time.Minute}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range loadReaders {
		readers.Go(func() { l.read(s.address, rand.New(rand.NewPCG(uint64(i), 1)), changes, done) })
	}
	for week := *loadWeeks - *loadDuring + 1; week <= *loadWeeks; week++ {
		l.run(week)
	}
	close(done)
	readers.Wait()
	l.client.CloseIdleConnections()
	s.end()
	l.print(s.cmd.ProcessState)
}

type load struct {
	t      *testing.T
	tenant *graphtest.Tenant
	base   string // address of the simulator
	db     string
	client *http.Client
	delay  time.Duration // of Graph

	mu   sync.Mutex
	took map[string][]time.Duration // by view
	busy int                        // answers that were put off
}

func newLoad(t *testing.T) *load {
	l := &load{t: t, tenant: graphtest.NewBig(1, *loadUsers, 60), took: map[string][]time.Duration{}, db: filepath.Join(t.TempDir(), "load.db")}
	simulator := graphtest.NewServer(l.tenant, graphtest.WithTidyRows(), graphtest.WithoutGzip(),
		graphtest.WithHook(func(*graphtest.Tenant, graphtest.Request) { time.Sleep(l.delay) }))
	var err error
	if l.base, err = simulator.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = simulator.Close() })
	return l
}

// runsBefore makes the runs before anybody looks, as far as the file that was kept
// does not have them.
func (l *load) runsBefore() {
	kept := l.db
	if *loadDB != "" {
		kept = *loadDB
	}
	last := *loadWeeks - *loadDuring
	made := 0
	if _, err := os.Stat(kept); err == nil {
		made = len(l.runs(kept))
	}
	for week := range last + 1 {
		if l.tenant.Week(week, 0.01); week >= made {
			l.runOn(kept)
		}
	}
	if kept == l.db {
		return
	}
	data, err := os.ReadFile(kept) // nobody has it open
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(l.db, data, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *load) run(week int) {
	l.tenant.Week(week, 0.01)
	l.runOn(l.db)
}

func (l *load) runOn(db string) {
	begun := time.Now()
	sync := exec.Command("lictrail", "sync", "--db", db, "--graph-endpoint", l.base, "--auth", "token", "--quiet")
	sync.Env = append(os.Environ(), "LICTRAIL_ACCESS_TOKEN="+graphtest.DefaultToken, "HOME="+l.t.TempDir(), "XDG_CONFIG_HOME=")
	if output, err := sync.CombinedOutput(); err != nil {
		l.t.Fatalf("run: %v\n%s", err, output)
	}
	l.t.Logf("a run in %s", time.Since(begun).Round(time.Second))
}

func (l *load) runs(db string) []struct{ Changes int } {
	list := exec.Command("lictrail", "runs", "--db", db, "--format", "json")
	text, err := list.Output()
	if err != nil {
		l.t.Fatal(err)
	}
	var document struct{ Items []struct{ Changes int } }
	if err := json.Unmarshal(text, &document); err != nil {
		l.t.Fatal(err)
	}
	return document.Items
}

// changes is how many changes there are, numbered from 1.
func (l *load) changes() (n int) {
	for _, r := range l.runs(l.db) {
		n += r.Changes
	}
	return n
}

// read is one person, who looks at this and that until it is done.
func (l *load) read(address string, rng *rand.Rand, changes int, done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(rng.Int64N(int64(2 * *loadThink)))):
		}
		i, at := 0, rng.IntN(100)
		for at >= loadViews[i].often {
			at -= loadViews[i].often
			i++
		}
		path := loadViews[i].path(rng, changes)
		begun := time.Now()
		status, err := get(l.client, address+path)
		if err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable {
			l.t.Errorf("%s: %d %v", path, status, err)
			return
		}
		l.mu.Lock()
		if status == http.StatusServiceUnavailable { // it says that too many ask
			l.busy++
		}
		l.took[loadViews[i].view] = append(l.took[loadViews[i].view], time.Since(begun))
		l.mu.Unlock()
	}
}

func (l *load) print(server *os.ProcessState) {
	var all []time.Duration
	line := func(view string, took []time.Duration) {
		slices.Sort(took)
		if n := len(took); n > 0 {
			l.t.Logf("%-10s %6d answers, median %8s, 95%% within %8s, at most %8s", view, n, took[n/2].Round(100*time.Microsecond), took[n*95/100].Round(100*time.Microsecond), took[n-1].Round(time.Millisecond))
		}
	}
	for _, v := range loadViews {
		line(v.view, l.took[v.view])
		all = append(all, l.took[v.view]...)
	}
	if len(all) < loadReaders {
		l.t.Fatalf("only %d answers", len(all))
	}
	line("all", all)
	if l.t.Logf("%d of %d answers were put off, since too many asked", l.busy, len(all)); l.busy > len(all)/10 && *loadUsers <= 1000 {
		l.t.Error("that is more than one in ten")
	}
	machine, _ := os.ReadFile("/proc/loadavg")
	l.t.Logf("%d users, %d runs, %d of them while %d readers looked with %s between questions; the server took %s of CPU an answer, and %s of memory at most; load of the machine at the end %s",
		*loadUsers, *loadWeeks+1, *loadDuring, loadReaders, *loadThink, ((server.UserTime() + server.SystemTime()) / time.Duration(len(all))).Round(10*time.Microsecond), peakMemory(server), strings.TrimSpace(string(machine)))
}

func get(client *http.Client, address string) (int, error) {
	resp, err := client.Get(address)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
