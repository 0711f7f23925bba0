package faults

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/internal/golden"
)

var offline = flag.Bool("offline", false, "tell C1 as not run where the database of vulnerabilities is out of reach")

// asProgram makes this binary the program, so that what is killed and starved
// is all of lictrail in a process of its own.
const asProgram = "LICTRAIL_FAULTS_PROGRAM"

// peakFile names a file for how much memory the program took. What wait4(2) says
// of that has the memory of the test in it, from which the program was forked.
const peakFile = "LICTRAIL_FAULTS_PEAK"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		runtime.LockOSThread() // strace counts calls by thread, and a commit must be on one
		code := cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
		if file := os.Getenv(peakFile); file != "" {
			status, _ := os.ReadFile("/proc/self/status")
			must(os.WriteFile(file, status, 0o600))
		}
		os.Exit(code)
	}
	if heavy {
		flag.Parse()
		must(flag.Set("test.parallel", strconv.Itoa(workers))) // more than processors: strikes wait for disks and answers
		debug.SetGCPercent(400)
	}
	code := m.Run()
	if heavy {
		if err := report(); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// mustRun are the ids of the tests that the long form may not leave out: those
// of the list of tests that stand in the table of docs/reliability.md.
var mustRun = sync.OnceValue(func() []string {
	list, err := os.ReadFile(root + "/cmd/mustrun/tests.txt")
	must(err)
	var ids []string
	for _, m := range regexp.MustCompile(`(?m)^\S+ +Test([RGPC][0-9]+)_`).FindAllStringSubmatch(string(list), -1) {
		ids = append(ids, m[1])
	}
	number := func(id string) int { n, _ := strconv.Atoi(id[1:]); return n } // as the pattern has it
	slices.SortFunc(ids, func(a, b string) int {
		const order = "RGPC"
		return cmp.Or(strings.IndexByte(order, a[0])-strings.IndexByte(order, b[0]), number(a)-number(b))
	})
	return slices.Compact(ids)
})

// figure is what a test of the long form has to say.
type figure struct {
	ID     string `json:"id"`
	Test   string `json:"test"`
	What   string `json:"what"`
	Figure string `json:"figure"`
	Target string `json:"target"`
}

var (
	figuresMu sync.Mutex
	figures   = map[string]figure{}
)

// publish says what a test found. A test that failed has no figure.
func publish(t *testing.T, id, what, target, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	t.Logf("%s: %s", id, text)
	if t.Failed() {
		return
	}
	figuresMu.Lock()
	defer figuresMu.Unlock()
	f := figure{ID: id, Test: t.Name(), What: what, Figure: text, Target: target}
	figures[id] = f
	if golden.Update() && heavy { // at once: a long run may be cut off
		if err := save(f); err != nil {
			t.Error(err)
		}
	}
}

// report prints the figures as a table and, when all tests were asked for,
// fails if one of them has none.
func report() error {
	var rows []figure
	var missing []string
	for _, id := range mustRun() {
		if f, ok := figures[id]; ok {
			rows = append(rows, f)
		} else {
			missing = append(missing, id)
		}
	}
	fmt.Print(table(rows))
	if pattern := flag.Lookup("test.run").Value.String(); pattern == "" && len(missing) > 0 {
		return fmt.Errorf("these must run, and have no figure: %s", strings.Join(missing, ", "))
	}
	return nil
}

// table writes figures as Markdown.
func table(rows []figure) string {
	var b strings.Builder
	b.WriteString("| | what is done | figure | target |\n|---|---|---|---|\n")
	for _, f := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.ID, f.What, f.Figure, f.Target)
	}
	return b.String()
}

const (
	figuresFile = "testdata/figures.json"
	pageFile    = "../../../../docs/reliability.md"
	begin, end  = "<!-- figures -->\n", "<!-- /figures -->\n"
)

// save puts a figure beside those of the other tests.
func save(f figure) error {
	all, err := saved()
	if err != nil {
		return err
	}
	all = append(slices.DeleteFunc(all, func(x figure) bool { return x.ID == f.ID }), f)
	slices.SortFunc(all, func(a, b figure) int { return slices.Index(mustRun(), a.ID) - slices.Index(mustRun(), b.ID) })
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(figuresFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(figuresFile, append(text, '\n'), 0o644); err != nil {
		return err
	}
	page, err := os.ReadFile(pageFile)
	if err != nil {
		return err
	}
	text, err = withTable(page, all)
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile, text, 0o644)
}

func saved() ([]figure, error) {
	text, err := os.ReadFile(figuresFile)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []figure
	return all, json.Unmarshal(text, &all)
}

// withTable puts the table between the page's markers.
func withTable(page []byte, all []figure) ([]byte, error) {
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return nil, fmt.Errorf("%s lacks the markers of the table", pageFile)
	}
	text := table(all)
	for _, id := range mustRun() {
		if !slices.ContainsFunc(all, func(f figure) bool { return f.ID == id }) {
			text += fmt.Sprintf("| %s | | no figure yet | |\n", id)
		}
	}
	return []byte(head + begin + text + end + tail), nil
}

// TestTable holds the published table against the figures of the long runs.
func TestTable(t *testing.T) {
	all, err := saved()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := withTable(page, all)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(page) {
		t.Errorf("the table in %s is not that of %s: write both with -tags faults -update", pageFile, figuresFile)
	}
}

// size is how much of a test is done, in the short form and in the long one.
func size(short, long int) int {
	if heavy {
		return long
	}
	return short
}

// need is a condition without which a test cannot run. The long form fails.
func need(t *testing.T, ok bool, hint string) {
	t.Helper()
	switch {
	case ok:
	case heavy:
		t.Fatalf("cannot run: %s", hint)
	default:
		t.Skip(hint)
	}
}

// onlyHeavy leaves a test to the long form.
func onlyHeavy(t *testing.T) {
	t.Helper()
	if !heavy {
		t.Skip("runs with -tags faults")
	}
}
