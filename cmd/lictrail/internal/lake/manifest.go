package lake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
)

// What may be wrong with a target.
var (
	// ErrNotOurs means that a target holds something else than a lake.
	ErrNotOurs = errors.New("not a lake of lictrail's")
	// ErrNewer means that a newer version has written the lake.
	ErrNewer = errors.New("the lake is of a newer lictrail")
	// ErrDamaged means that a lake is not as it was written.
	ErrDamaged = errors.New("the lake is damaged")
	// ErrOtherHistory means that a lake holds another history of a tenant than its
	// database has.
	ErrOtherHistory = errors.New("the lake holds another history")
	// ErrNamesLeftOut means that a lake has been kept free of names.
	ErrNamesLeftOut = errors.New("the lake is kept without names")
	// ErrNoLake means that there is no lake at a place.
	ErrNoLake = errors.New("there is no lake")
	// ErrNoRoom means that the disk has too little room for an export.
	ErrNoRoom = errors.New("too little room on the disk")
)

const (
	// manifestFormat is that of the manifest and of the tables; it grows when either
	// changes.
	manifestFormat = 1
	// manifestName is the name of the manifest in the folder of a lake.
	manifestName = "manifest.json"
	// temporary is how files are called that are being written.
	temporary = ".lictrail-*.tmp"
)

// manifest says what is in a lake. It replaces the one before as a whole.
type manifest struct {
	Format        int              `json:"lictrail_lake"`
	Exports       int64            `json:"exports"`       // that changed something
	At            time.Time        `json:"at"`            // the newest time that any tenant was observed
	Pseudonymized bool             `json:"pseudonymized"` // without the table of users
	ID            string           `json:"id,omitempty"`  // of the lake, made from what was first exported
	Logs          map[string]int64 `json:"logs"`          // by table: the version of its Delta log that has the files below
	Tenants       []*tenantState   `json:"tenants"`       // sorted
	Files         []*file          `json:"files"`         // by table and month, then in the order in which they were added
}

// tenantState is what of a tenant is in the lake.
type tenantState struct {
	Tenant        string           `json:"tenant"`
	Seals         int64            `json:"seals"` // how far the chain of its database had come
	Head          string           `json:"head"`  // and the head there
	FirstRun      int64            `json:"first_run"`
	NewestRun     int64            `json:"newest_run"` // the newest complete run
	LastRun       int64            `json:"last_run"`   // the last run that ended
	LastChange    int64            `json:"last_change"`
	LastCause     int64            `json:"last_cause"`
	LastCoverage  int64            `json:"last_coverage"`
	ObservedUntil time.Time        `json:"observed_until"`
	Rows          map[string]int64 `json:"rows"` // by table
}

// file is one Parquet file.
type file struct {
	Table       string `json:"table"`
	Month       string `json:"month,omitempty"`
	Path        string `json:"path"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
	FirstTenant string `json:"first_tenant"`
	LastTenant  string `json:"last_tenant"`
}

// place is where a file stands below the lake's folder: it is named after its
// content, so that the same rows have the same name.
func (f *file) place() string { return path.Join(f.Table, f.inTable()) }

// inTable is the place below the table's folder, as the log has it.
func (f *file) inTable() string {
	name := "part-" + f.SHA256[:32] + ".zstd.parquet"
	if f.Month == "" {
		return name
	}
	return path.Join(partition+"="+f.Month, name)
}

func (m *manifest) tenant(id string) *tenantState {
	i, ok := slices.BinarySearchFunc(m.Tenants, id, func(t *tenantState, id string) int { return strings.Compare(t.Tenant, id) })
	if !ok {
		return nil
	}
	return m.Tenants[i]
}

// of lists the files of a table.
func (m *manifest) filesOf(table string) []*file {
	var files []*file
	for _, f := range m.Files {
		if f.Table == table {
			files = append(files, f)
		}
	}
	return files
}

// target is the folder of a lake while somebody works with it.
type target struct {
	dir      string
	manifest *manifest
	release  func()
}

// path is where a file of the lake stands.
func (t *target) path(place string) string { return filepath.Join(t.dir, filepath.FromSlash(place)) }

// check finds out whether a folder is a lake, or can become one; it writes
// nothing. The manifest is nil where there is none yet.
func check(dir string) (*manifest, error) {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at %q: %w", dir, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%w: %q is a symbolic link", ErrNotOurs, dir)
	case !info.IsDir():
		return nil, fmt.Errorf("%w: %q is not a folder", ErrNotOurs, dir)
	}
	m, err := load(dir)
	if !errors.Is(err, ErrNoLake) {
		return m, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look at %q: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() != manifestName+lock.Suffix && !isTemporary(e.Name()) {
			return nil, fmt.Errorf("%w: %q has %q in it and no %s", ErrNotOurs, dir, e.Name(), manifestName)
		}
	}
	return nil, nil
}

func isTemporary(name string) bool {
	ok, _ := filepath.Match(temporary, name) // the pattern is well formed
	return ok
}

// load reads the manifest of a lake.
func load(dir string) (*manifest, error) {
	f, err := input.Open(filepath.Join(dir, manifestName), input.Plain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %q", ErrNoLake, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of the lake: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of the lake: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Format == 0 {
		return nil, fmt.Errorf("%w: %s in %q is not a manifest of lictrail's", ErrNotOurs, manifestName, dir)
	}
	if m.Format > manifestFormat {
		return nil, fmt.Errorf("%w: format %d, and this one knows %d", ErrNewer, m.Format, manifestFormat)
	}
	return &m, m.check()
}

// check refuses a manifest that would lead out of the lake's folder.
func (m *manifest) check() error {
	for _, f := range m.Files {
		known := slices.ContainsFunc(tables, func(t *table) bool { return t.name == f.Table })
		if !known || len(f.SHA256) < 32 || !filepath.IsLocal(filepath.FromSlash(f.Path)) || f.Path != f.place() {
			return fmt.Errorf("%w: the manifest names a file %q", ErrDamaged, f.Path)
		}
	}
	return nil
}

// open takes a lake to write to it. A folder that is not there, or is empty,
// becomes one.
func open(dir string, holder lock.Holder) (*target, error) {
	if _, err := check(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the lake: %w", err)
	}
	release, err := lock.Take(filepath.Join(dir, manifestName), holder)
	if err != nil {
		return nil, err
	}
	t := &target{dir: dir, release: release}
	if t.manifest, err = check(dir); err != nil { // once more: somebody may have been faster
		release()
		return nil, err
	}
	if t.manifest == nil {
		t.manifest = &manifest{Format: manifestFormat, Logs: map[string]int64{}}
		err = t.save(t.manifest) // a folder that has it is a lake, whatever happens next
	}
	if err == nil {
		err = t.recover()
	}
	if err != nil {
		release()
		return nil, err
	}
	return t, nil
}

func (t *target) close() { t.release() }

// save replaces the manifest.
func (t *target) save(m *manifest) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write the manifest of the lake: %w", err)
	}
	err := out.WriteFile(t.path(manifestName), func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	t.manifest = m
	return nil
}

// recover brings the lake to what its manifest says: an export that was cut off
// after it had replaced the manifest is completed, and what one left behind that
// was cut off before is removed.
func (t *target) recover() error {
	if err := t.writeLogs(); err != nil {
		return err
	}
	return t.sweep()
}

// sweep removes what is not in the lake: files that an export which was cut off
// has written, and those that the newest one has replaced.
func (t *target) sweep() error {
	named := map[string]bool{}
	for _, f := range t.manifest.Files {
		named[f.Path] = true
	}
	remove := func(place string) error {
		if err := os.Remove(t.path(place)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what is not in the lake any more: %w", err)
		}
		return nil
	}
	err := fs.WalkDir(os.DirFS(t.dir), ".", func(place string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case isTemporary(e.Name()), isPart(place) && !named[place]:
			return remove(place)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look through the lake: %w", err)
	}
	return nil
}

// isPart reports whether a place is one where files of tables stand.
func isPart(place string) bool {
	first, _, _ := strings.Cut(place, "/")
	return slices.ContainsFunc(tables, func(t *table) bool { return t.name == first }) && strings.HasSuffix(place, ".parquet") && strings.HasPrefix(path.Base(place), "part-")
}

// syncFolders makes the names of a new file and of its folders durable.
func syncFolders(dir, below string) error {
	for place := filepath.FromSlash(below); ; place = filepath.Dir(place) {
		if err := out.SyncDir(filepath.Join(dir, place)); err != nil {
			return err
		}
		if place == "." {
			return nil
		}
	}
}
