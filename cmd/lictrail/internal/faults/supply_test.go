package faults

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot/store"
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
	db, err := store.OpenReadWrite(t.Context(), dbIn(t.TempDir()), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	version, err := db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, "C2", "SQLite's version as it runs (older ones than 3.51.3 can corrupt the WAL)", "≥ 3.51.3", "%s", version)
}

// TestC3_ReproducibleBuild builds in two folders.
func TestC3_ReproducibleBuild(t *testing.T) {
	onlyHeavy(t)
	var sums [][32]byte
	for range 2 {
		dir := filepath.Join(t.TempDir(), "src")
		if err := os.CopyFS(dir, os.DirFS(root)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "lictrail")
		goCommand(t, dir, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, "./cmd/lictrail")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sha256.Sum256(data))
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %x and %x", sums[0], sums[1])
	}
	publish(t, "C3", "the same source built in two folders, with -trimpath and without cgo", "equal SHA-256", "equal")
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
	loose := fetched.FindAllString(text, -1)
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
