package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sizeLimit is the most bytes that the program may have without symbols. The
// yardstick with the SDK's typed models alone would add 25 MB. Raise it only for
// a feature that is worth what it adds, and say so in the commit: the Parquet of the
// export added 8 MB, the local page 1, all other answers 2.
const sizeLimit = 42_000_000

// TestSize builds the program as releases are built, but with the settings of
// the tests so that packages come from the cache.
func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("links the program")
	}
	file := filepath.Join(t.TempDir(), "lictrail")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w -buildid=", "-o", file, module+"/cmd/lictrail").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB", float64(info.Size())/1e6)
	if info.Size() > sizeLimit {
		t.Errorf("the program has %d bytes, more than %d: go tool nm -size -sort size shows of what", info.Size(), sizeLimit)
	}
}

// TestShippedAlone: what only develops and measures lictrail is not part of it.
func TestShippedAlone(t *testing.T) {
	for _, dep := range listAll(t)[module+"/cmd/lictrail"].Deps {
		tool := strings.HasPrefix(dep, module+"/cmd/") && !within(dep, module+"/cmd/lictrail")
		if tool || slices.Contains([]string{"testing", "github.com/rogpeppe/go-internal/testscript"}, dep) {
			t.Errorf("the program contains %s", dep)
		}
	}
}
