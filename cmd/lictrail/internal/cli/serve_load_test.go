package cli

import (
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
	"sync"
	"testing"
	"time"

	"lictrail/graph/graphtest"
)

// How large the load on the local page is. They are to be measured with
// 100,000 users, 52 weeks and a second between the questions of a reader.
var (
	loadUsers = flag.Int("load-users", 500, "users of the tenant that is read while people look at its page")
	loadWeeks = flag.Int("load-weeks", 3, "weekly runs after the first")
	loadThink = flag.Duration("load-think", 20*time.Millisecond, "how long a reader waits between two questions")
)

const loadReaders = 200

// TestServe_Readers: 200 people look at pages while runs go on. No run fails, and
// nobody is left without an answer. What that costs is printed, not judged.
func TestServe_Readers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be told to end")
	}
	tenant := graphtest.NewBig(1, *loadUsers, 60)
	simulator := graphtest.NewServer(tenant, graphtest.WithTidyRows(), graphtest.WithoutGzip())
	base, err := simulator.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer simulator.Close()
	program, err := exec.LookPath("lictrail")
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "load.db")
	run := func(week int) {
		tenant.Week(week, 0.01)
		sync := exec.Command(program, "sync", "--db", db, "--graph-endpoint", base, "--auth", "token", "--quiet")
		sync.Env = append(os.Environ(), "LICTRAIL_ACCESS_TOKEN="+graphtest.DefaultToken, "HOME="+t.TempDir(), "XDG_CONFIG_HOME=")
		if output, err := sync.CombinedOutput(); err != nil {
			t.Fatalf("run %d: %v\n%s", week, err, output)
		}
	}
	run(0)
	s := serve(t, "--db", db)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadReaders}, Timeout: time.Minute}

	done := make(chan struct{})
	var mu sync.Mutex
	var took []time.Duration
	var readers sync.WaitGroup
	for i := range loadReaders {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(rng.Int64N(int64(2 * *loadThink)))):
				}
				path := []string{"skus", "groups", "trust", "actors", fmt.Sprintf("search?q=%d", rng.IntN(1000))}[rng.IntN(5)]
				if rng.IntN(10) < 6 {
					path = "person/" + graphtest.BigUserID(rng.IntN(*loadUsers))
				}
				begun := time.Now()
				status, err := get(client, s.address+path)
				if err != nil || status != http.StatusOK {
					t.Errorf("%s: %d %v", path, status, err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	for week := 1; week <= *loadWeeks; week++ {
		run(week)
	}
	close(done)
	readers.Wait()
	client.CloseIdleConnections()
	s.end()
	slices.Sort(took)
	if len(took) < loadReaders {
		t.Fatalf("only %d answers", len(took))
	}
	t.Logf("%d users, %d runs, %d readers with %s between questions: %d answers, median %s, 95%% within %s, at most %s; the server took %s of memory at most",
		*loadUsers, *loadWeeks+1, loadReaders, *loadThink, len(took), took[len(took)/2].Round(100*time.Microsecond), took[len(took)*95/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), peakMemory(s.cmd.ProcessState))
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
