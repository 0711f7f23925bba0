package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "lictrail"

// pkg is the go command's description of a package, without its tests.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// listAll returns every package of the module and all that they need, by
// import path.
func listAll(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// within reports whether a package is one of the roots or lies below it.
func within(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
}

// layer says what packages may need, their imports and those of their imports
// taken together. A path that ends in /... means all packages below.
type layer struct {
	pkgs   string
	needs  []string // packages of ours
	others bool     // modules of others
	never  []string // not even where the standard library has it
}

// impure is what a package that only computes has no use for.
var impure = []string{"net", "net/http", "database/sql", "os/exec"}

// rooms are packages of the program by their short names.
func rooms(names ...string) (paths []string) {
	for _, name := range names {
		paths = append(paths, "cmd/lictrail/internal/"+name)
	}
	return paths
}

// history is what makes and keeps history, and knows of no tenant.
var history = []string{"snapshot", "snapshot/...", "diff", "diff/...", "cmd/lictrail/internal/track"}

// tenants is what reads tenants and their databases.
var tenants = slices.Concat(history, []string{"graph", "graph/graphtest", "migrations"}, rooms("ask", "rules", "near", "disk", "exit", "input", "lake", "lock", "out"))

// layers are the rules of the house, the first that fits a package counting:
// the rooms of the program need what is named, and none of them the command
// line, which knows everything; below it graph, store, diff and migrations do
// not know each other; the domain, below them, knows only itself.
var layers = []layer{
	{pkgs: "cmd/lictrail/internal/track", needs: history, others: true, never: []string{"net/http"}},
	{pkgs: "cmd/lictrail/internal/ask", needs: slices.Concat([]string{"snapshot", "snapshot/...", "diff/audit", "migrations"}, rooms("rules", "near")), others: true, never: []string{"net/http"}},
	{pkgs: "cmd/lictrail/internal/show", needs: slices.Concat(history, []string{"graph", "migrations"}, rooms("ask", "near", "out", "page", "rules")), others: true},
	{pkgs: "cmd/lictrail/internal/web", needs: slices.Concat(tenants, rooms("show", "page")), others: true},
	{pkgs: "cmd/lictrail/internal/announce", needs: slices.Concat(tenants, rooms("metrics", "notify", "page", "show")), others: true},
	{pkgs: "cmd/lictrail/internal/process", needs: tenants, others: true},
	{pkgs: "cmd/lictrail/internal/gather", needs: tenants, others: true},
	{pkgs: "cmd/lictrail/internal/exit", needs: tenants, others: true},
	{pkgs: "cmd/lictrail/internal/connect", needs: tenants, others: true},
	{pkgs: "cmd/lictrail/internal/doctor", needs: slices.Concat(tenants, rooms("connect", "disk", "notify", "page", "show")), others: true},
	{pkgs: "cmd/lictrail/internal/demo", needs: slices.Concat(tenants, rooms("connect", "near", "rules")), others: true},
	{pkgs: "cmd/lictrail/internal/setup", needs: append(rooms("config", "near", "schedule"), "snapshot"), others: true, never: []string{"net/http", "database/sql", "os/exec"}},
	{pkgs: "cmd/lictrail/internal/settings", needs: slices.Concat(tenants, rooms("config", "connect", "near", "notify", "page")), others: true},
	{pkgs: "cmd/lictrail/internal/fleet", needs: slices.Concat(tenants, rooms("config", "connect", "near", "notify", "page", "settings")), others: true},
	{pkgs: "cmd/lictrail/internal/notify", needs: append(rooms("input", "out", "page"), "snapshot"), others: true},
	{pkgs: "cmd/lictrail/internal/rules", needs: append(rooms("near"), "snapshot", "snapshot/reclaim"), others: true, never: impure},
	{pkgs: "cmd/lictrail/internal/lake", needs: slices.Concat([]string{"snapshot", "snapshot/...", "migrations"}, rooms("disk", "input", "lock", "out")), others: true},
	{pkgs: "cmd/lictrail/internal/page", needs: rooms("out"), others: true},
	{pkgs: "cmd/lictrail/internal/lock", needs: rooms("input"), others: true},
	{pkgs: "cmd/lictrail/internal/out", others: true, never: []string{"database/sql"}},
	{pkgs: "cmd/lictrail/internal/input", others: true, never: impure},
	{pkgs: "cmd/lictrail/internal/disk", others: true, never: impure},
	{pkgs: "cmd/lictrail/internal/config", others: true, never: impure},
	{pkgs: "cmd/lictrail/internal/metrics", never: impure},
	{pkgs: "cmd/lictrail/internal/schedule", never: impure},
	{pkgs: "cmd/lictrail/internal/near", never: impure},
	{pkgs: "cmd/...", needs: []string{"..."}, others: true},
	{pkgs: "internal/private", others: true, never: impure},
	{pkgs: "internal/golden", others: true, never: impure},
	{pkgs: "snapshot", never: impure},
	{pkgs: "snapshot/store", needs: []string{"snapshot", "snapshot/..."}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/store/ledger", needs: []string{"snapshot", "snapshot/words", "snapshot/spelling", "snapshot/store/attributes", "snapshot/store/engine", "snapshot/store/nameindex"}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/store/intake", needs: []string{"snapshot", "snapshot/store/attributes", "snapshot/store/engine"}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/store/attributes", needs: []string{"snapshot", "snapshot/store/engine"}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/store/nameindex", needs: []string{"snapshot", "snapshot/words", "snapshot/store/engine"}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/store/engine", needs: []string{"snapshot"}, others: true, never: []string{"net/http"}},
	{pkgs: "snapshot/spelling", others: true, never: impure},
	{pkgs: "snapshot/words", others: true, never: impure},
	{pkgs: "snapshot/...", needs: []string{"snapshot", "snapshot/..."}, never: impure},
	{pkgs: "diff/audit", needs: []string{"snapshot"}, never: impure},
	{pkgs: "diff/audit/exports", needs: []string{"snapshot", "diff/audit"}, never: impure},
	{pkgs: "diff/replay", needs: []string{"snapshot"}, never: impure},
	{pkgs: "diff", needs: []string{"snapshot", "diff/audit", "diff/replay"}, never: impure},
	{pkgs: "migrations", never: []string{"net/http", "os/exec"}},
	{pkgs: "graph", needs: []string{"snapshot"}, others: true, never: []string{"database/sql"}},
	{pkgs: "graph/graphtest", others: true, never: []string{"database/sql"}},
	{pkgs: "graph/graphtest/exportfile", never: impure},
}

// fits reports whether a package of ours is one of those that a pattern means.
func fits(pattern, path string) bool {
	below, all := strings.CutSuffix(pattern, "...")
	return path == pattern || all && strings.HasPrefix(path, below)
}

// files writes files for their owner alone: whoever may use modules of others may
// use it too.
const files = module + "/internal/private"

func layerOf(path string) (layer, bool) {
	i := slices.IndexFunc(layers, func(l layer) bool { return fits(l.pkgs, path) })
	if i < 0 {
		return layer{}, false
	}
	return layers[i], true
}

func TestLayers(t *testing.T) {
	all := listAll(t)
	for _, l := range layers {
		if name := module + "/" + l.pkgs; !strings.HasSuffix(name, "...") && all[name].ImportPath == "" {
			t.Errorf("there is no package %s", name)
		}
	}
	for path, p := range all {
		if !ours(path) {
			continue
		}
		name := strings.TrimPrefix(path, module+"/")
		l, ok := layerOf(name)
		if !ok {
			t.Errorf("%s is in no layer", name)
		}
		for _, dep := range p.Deps {
			allowed := func(pattern string) bool { return fits(pattern, strings.TrimPrefix(dep, module+"/")) }
			switch {
			case dep == files && l.others:
			case ours(dep) && !slices.ContainsFunc(l.needs, allowed):
				t.Errorf("%s needs %s", name, dep)
			case !ours(dep) && !all[dep].Standard && !l.others:
				t.Errorf("%s needs %s, of another module", name, dep)
			case slices.Contains(l.never, dep):
				t.Errorf("%s needs %s", name, dep)
			}
		}
	}
}

// TestOnlyOne holds what one package alone may know of.
func TestOnlyOne(t *testing.T) {
	all := listAll(t)
	for _, test := range []struct {
		only  []string
		roots []string
	}{
		{[]string{"snapshot/store/engine"}, []string{"modernc.org/sqlite"}},
		{[]string{"cmd/lictrail/internal/config", "cmd/lictrail/internal/rules"}, []string{"github.com/pelletier/go-toml"}},
		{[]string{"cmd/lictrail/internal/lake"}, []string{"github.com/parquet-go"}},
		{[]string{"cmd/lictrail/internal/notify"}, []string{"github.com/wneessen/go-mail"}},
		{[]string{"cmd/bench"}, []string{module + "/cmd/bench/yardstick"}},
		{[]string{"graph", "cmd/bench/yardstick"}, []string{
			"github.com/Azure", "github.com/AzureAD", "github.com/microsoft", "github.com/microsoftgraph", "github.com/std-uritemplate",
		}},
	} {
		used := false
		for path, p := range all {
			for _, imported := range p.Imports {
				if !ours(path) || !within(imported, test.roots...) {
					continue
				}
				used = true
				if !slices.Contains(test.only, strings.TrimPrefix(path, module+"/")) {
					t.Errorf("%s imports %s, which is for %v alone", path, imported, test.only)
				}
			}
		}
		if !used {
			t.Errorf("nothing imports %v any more; this test proves nothing", test.roots)
		}
	}
}
