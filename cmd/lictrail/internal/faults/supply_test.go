package faults

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/release/sbom"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
)

const root = "../../../.."

// goCommand runs the go command, which may download nothing.
func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestC2_SQLiteVersion asks SQLite itself. That its libc is the one it was
// translated for is held by the store's own test.
func TestC2_SQLiteVersion(t *testing.T) {
	publish(t, "C2", "SQLite's version as it runs (older ones than 3.51.3 can corrupt the WAL)", "≥ 3.51.3", "%s", sqliteItself(t))
}

// TestC1_Vulnerabilities asks govulncheck, and its database on the network or
// where GOVULNDB says, for what is known to be wrong with code that is reached.
// With -offline a database that cannot be reached is only reported.
func TestC1_Vulnerabilities(t *testing.T) {
	onlyHeavy(t)
	const what, target = "known vulnerabilities in what the program reaches, by govulncheck", "0"
	tool, err := exec.LookPath("govulncheck")
	need(t, err == nil, "go install golang.org/x/vuln/cmd/govulncheck@latest")
	cmd := exec.CommandContext(t.Context(), tool, "-format", "json", "./cmd/lictrail")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && *offline && strings.Contains(stderr.String(), "fetching vulnerabilities") {
		publish(t, "C1", what, target, "not run: the database of vulnerabilities could not be reached")
		return
	}
	need(t, err == nil, "govulncheck: "+stderr.String())
	reached, known := findings(t, out)
	for _, id := range reached {
		t.Errorf("%s is reached: govulncheck ./cmd/lictrail tells how", id)
	}
	publish(t, "C1", what, target, "%d reached; %d in modules of it, not reached", len(reached), len(known))
}

// findings are the ids of vulnerabilities that govulncheck reports: those whose
// code is called, and others in the modules.
func findings(t *testing.T, out []byte) (reached, others []string) {
	t.Helper()
	called := map[string]bool{}
	scanned := false
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var message struct {
			SBOM    *struct{}
			Finding *struct {
				OSV   string
				Trace []struct{ Function string }
			}
		}
		err := dec.Decode(&message)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		scanned = scanned || message.SBOM != nil
		if f := message.Finding; f != nil {
			called[f.OSV] = called[f.OSV] || len(f.Trace) > 0 && f.Trace[0].Function != ""
		}
	}
	if !scanned {
		t.Fatal("govulncheck scanned nothing")
	}
	for _, id := range slices.Sorted(maps.Keys(called)) {
		if called[id] {
			reached = append(reached, id)
		} else {
			others = append(others, id)
		}
	}
	return reached, others
}

// TestC1_Findings: what is called counts, and what is only there does not.
func TestC1_Findings(t *testing.T) {
	out := `{"config":{}} {"SBOM":{"modules":[]}}
		{"finding":{"osv":"GO-1","trace":[{"module":"m"}]}}
		{"finding":{"osv":"GO-1","trace":[{"module":"m","package":"m/p","function":"F"}]}}
		{"finding":{"osv":"GO-2","trace":[{"module":"m","package":"m/p"}]}}`
	reached, others := findings(t, []byte(out))
	if !slices.Equal(reached, []string{"GO-1"}) || !slices.Equal(others, []string{"GO-2"}) {
		t.Errorf("reached %q, others %q", reached, others)
	}
}

// TestC3_ReproducibleBuild makes a release of all platforms in two clones of what is
// committed. What dependencies compile to comes from the cache the second time.
func TestC3_ReproducibleBuild(t *testing.T) {
	onlyHeavy(t)
	from, clones := root, []string{filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "another folder")}
	for _, dir := range clones { // both before the first build, and so of the same commit
		if out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--no-hardlinks", from, dir).CombinedOutput(); err != nil {
			t.Fatalf("git clone: %v: %s", err, out)
		}
		from = dir
	}
	var sums []string
	for _, dir := range clones {
		goCommand(t, dir, "run", "-trimpath", "./cmd/release", "-dir", "dist", "-home", "https://contoso.com/lictrail")
		text, err := os.ReadFile(filepath.Join(dir, "dist", "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(text))
	}
	const files = 6*2 + 2*3 + 5 // an archive and a bill of each platform, three packages of each Linux, five manifests
	if n := strings.Count(sums[0], "\n"); sums[0] != sums[1] || n != files {
		t.Errorf("two releases differ, or have %d files, not %d:\n%s\n%s", n, files, sums[0], sums[1])
	}
	publish(t, "C3", "a release of one commit for six platforms, made in two clones in different folders: archives with program, manual pages and bill of materials, deb, rpm, container images, manifests",
		"equal SHA-256", "%d files: equal", files)
}

// TestC4_BillOfMaterials holds the bill of a program against what the go command
// tells of the program, and against SQLite itself.
func TestC4_BillOfMaterials(t *testing.T) {
	onlyHeavy(t)
	program := filepath.Join(t.TempDir(), "lictrail")
	goCommand(t, root, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", program, "./cmd/lictrail") // as releases are, and C3 leaves in the cache
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := sbom.Sources(t.Context(), root, info)
	if err != nil {
		t.Fatal(err)
	}
	version, source, err := engine.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	facts := sbom.Facts{SQLite: version, Source: source, License: "MIT"}
	if err := facts.Gather(sources, "linux"); err != nil {
		t.Fatal(err)
	}
	bill, err := sbom.New(info, facts)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	unlicensed := 0
	for _, c := range bill.Components {
		got[c.Name] = c.Version
		if len(c.Licenses) == 0 {
			unlicensed++
			t.Errorf("%s has no license", c.Name)
		}
	}
	want := map[string]string{"sqlite": sqliteItself(t), "musl": facts.Musl}
	text := goCommand(t, root, "version", "-m", program)
	want["std"] = strings.TrimPrefix(regexp.MustCompile(`: (go\S+)`).FindStringSubmatch(text)[1], "go")
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(text, -1) {
		want[m[1]] = m[2]
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 30 {
		t.Errorf("the bill (-want +got):\n%s", diff)
	}
	edges := map[string][]string{}
	for _, d := range bill.Dependencies {
		edges[d.Ref] = d.DependsOn
	}
	for module, part := range map[string]string{"modernc.org/sqlite": "pkg:generic/sqlite@" + version, "modernc.org/libc": "pkg:generic/musl@" + facts.Musl} {
		if on := edges["pkg:golang/"+module+"@"+got[module]]; !slices.Equal(on, []string{part}) {
			t.Errorf("%s contains %q, want %q", module, on, part)
		}
	}
	publish(t, "C4", "bill of materials (CycloneDX), held against go version -m and select sqlite_version()", "complete, with SQLite and musl",
		"%d components, SQLite %s among them; %d without a license", len(bill.Components), got["sqlite"], unlicensed)
}

// sqliteItself asks by the way of databases.
func sqliteItself(t *testing.T) string {
	t.Helper()
	db, err := store.OpenReadWrite(t.Context(), dbIn(t.TempDir()), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	version, err := db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// TestC5_Dependencies counts what the program is made of.
func TestC5_Dependencies(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal([]byte(goCommand(t, root, "mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, r := range mod.Require {
		if !r.Indirect {
			direct++
		}
	}
	modules := map[string]bool{}
	for _, m := range strings.Fields(goCommand(t, root, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/lictrail")) {
		modules[m] = true
	}
	publish(t, "C5", "modules that go.mod names, with those of tests; modules in the program", "published", "%d direct; %d in the program, itself counted", direct, len(modules))
}

// TestC7_ModVerify holds the modules in the cache against go.sum.
func TestC7_ModVerify(t *testing.T) {
	onlyHeavy(t)
	out := strings.TrimSpace(goCommand(t, root, "mod", "verify"))
	publish(t, "C7", "go mod verify, with -mod=readonly", "all modules verified", "%s", out)
}

// TestC6_PinnedCI looks at what checks a change: nothing in it may be fetched by a
// name that can mean something else tomorrow, nor have more rights than to read.
func TestC6_PinnedCI(t *testing.T) {
	for text, want := range map[string]int{
		"go test ./...\ngo tool staticcheck ./...":                                       0,
		"go install honnef.co/go/tools/cmd/staticcheck@latest":                           1,
		"curl -sSf https://example.com/install.sh | sh":                                  1,
		"pip install duckdb":                                                             1,
		"pip install --require-hashes -r requirements.txt":                               0,
		"permissions: {}\nsteps:\n- uses: a/b@" + strings.Repeat("0a", 20) + " # v4\n":   0,
		"permissions: {}\nsteps:\n- uses: a/b@v4\n  uses: ./local\n":                     1,
		"steps:\n- uses: a/b@" + strings.Repeat("0a", 20):                                1,
		"permissions: {}\non: pull_request_target\nsteps:\n- uses: a/b@main\n":           2,
		"permissions: write-all\nsteps:\n- uses: a/b@" + strings.Repeat("0a", 20) + "\n": 1,
	} {
		if got := looseCI(text); len(got) != want {
			t.Errorf("%q: %v, want %d findings", text, got, want)
		}
	}
	files := 0
	for _, dir := range []string{".ci", ".github"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && d.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			for _, loose := range looseCI(string(text)) {
				t.Errorf("%s: %s", path, loose)
			}
			files++
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files == 0 {
		t.Error("nothing was looked at")
	}
	publish(t, "C6", "what CI fetches: tools by go.mod, actions by their hash, with no rights but to read", "0 loose", "%d files: 0 loose", files)
}

var (
	fetched = regexp.MustCompile(`(?m)^.*(\b(curl|wget|npx|pipx?|go install|go get)\b|@latest\b).*$`)
	used    = regexp.MustCompile(`(?m)^[ -]*uses: *([^\s#]+)`)
	byHash  = regexp.MustCompile(`^(\./.*|[^@]+@[0-9a-f]{40})$`)
)

// looseCI lists what is not pinned in a script or workflow.
func looseCI(text string) []string {
	loose := slices.DeleteFunc(fetched.FindAllString(text, -1), func(line string) bool {
		return strings.Contains(line, "pip") && strings.Contains(line, " --require-hashes ")
	})
	actions := used.FindAllStringSubmatch(text, -1)
	for _, m := range actions {
		if !byHash.MatchString(m[1]) {
			loose = append(loose, m[0])
		}
	}
	if len(actions) > 0 && !regexp.MustCompile(`(?m)^permissions: *(\{\}|read-all)?$`).MatchString(text) {
		loose = append(loose, "it does not give up permissions")
	}
	if strings.Contains(text, "pull_request_target") {
		loose = append(loose, "changes of strangers get its secrets")
	}
	return loose
}
