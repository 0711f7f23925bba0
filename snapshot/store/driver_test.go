package store

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// The driver is SQLite's C source, translated, and works with the one version
// of libc that it was translated for.
func TestDriver_LibcIsItsOwn(t *testing.T) {
	t.Parallel()
	var driver, libc struct{ Version, GoMod string }
	goJSON(t, &driver, "list", "-m", "-json", "modernc.org/sqlite")
	goJSON(t, &libc, "list", "-m", "-json", "modernc.org/libc")
	if driver.GoMod == "" {
		t.Skip("the driver's go.mod is not in the module cache")
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	goJSON(t, &mod, "mod", "edit", "-json", driver.GoMod)
	for _, r := range mod.Require {
		if r.Path == "modernc.org/libc" {
			if r.Version != libc.Version {
				t.Errorf("modernc.org/sqlite %s asks for libc %s, go.mod has %s", driver.Version, r.Version, libc.Version)
			}
			return
		}
	}
	t.Error("the driver asks for no libc")
}

func goJSON(t *testing.T, to any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(cmd.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("go %v: %v", args, err)
	}
	if err := json.Unmarshal(out, to); err != nil {
		t.Fatalf("go %v: %v", args, err)
	}
}
