//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lictrail/migrations"
)

// readerEnv tells the test binary to read a database, as somebody else.
const readerEnv = "LICTRAIL_TEST_READ_AS_GROUP"

func TestGroup_Reader(t *testing.T) {
	path := os.Getenv(readerEnv)
	if path == "" {
		t.Skip("it is run by TestOpenToGroup")
	}
	db, err := OpenReadOnly(t.Context(), path, migrations.Check)
	if err != nil {
		t.Fatalf("for reading: %v", err)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	t.Logf("run %d is there", h.At.ID)
	if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, ErrNotOwner) {
		t.Errorf("for writing: %v", err)
	}
}

// TestOpenToGroup: a database that was opened to a group is read by a member of it,
// while a run has it open and when none has, and by nobody else.
func TestOpenToGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own", "lictrail.db")
	if err := OpenToGroup(path); err != nil {
		t.Fatal(err)
	}
	commitEmpty(t, path)
	for name, want := range map[string]fs.FileMode{filepath.Dir(path): 0o750, path: 0o640, path + "-wal": 0o640, path + "-shm": 0o640} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %04o", name, info, err, want)
		}
	}
	db, err := OpenReadOnly(t.Context(), path, migrations.Check)
	if err != nil {
		t.Fatalf("for its owner: %v", err)
	}
	closeDB(t, db)
	if os.Geteuid() != 0 {
		t.Skip("only root can ask as somebody else")
	}
	const group = 54321
	for _, name := range []string{filepath.Dir(path), path, path + "-wal", path + "-shm"} {
		if err := os.Chown(name, 12345, group); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := readAs(t, path, 23456, group); err != nil || !strings.Contains(said, "run 1 is there") {
		t.Errorf("a member of the group: %v\n%s", err, said)
	}
	if said, err := readAs(t, path, 23456, 65432); err == nil {
		t.Errorf("somebody else read it\n%s", said)
	}
	if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotOwner) {
		t.Errorf("root, whose files beside it would shut the owner out: %v", err)
	}
}

// readAs has a copy of this test read a database as a user of a group.
func readAs(t *testing.T, path string, user, group uint32) (string, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "group")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary folder
	program := filepath.Join(dir, "reader")
	self, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, self, 0o700), os.Chmod(program, 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755), os.Chmod(filepath.Join(path, "../../.."), 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestGroup_Reader$", "-test.v")
	cmd.Env, cmd.Dir = []string{readerEnv + "=" + path, "TMPDIR=/tmp"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: group, NoSetGroups: false}}
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// TestOpenToGroup_Accident: one mode of the two is an accident, and refused.
func TestOpenToGroup_Accident(t *testing.T) {
	for _, test := range []struct{ folder, file fs.FileMode }{{0o700, 0o640}, {0o755, 0o640}, {0o770, 0o640}, {0o750, 0o660}, {0o750, 0o644}} {
		path := filepath.Join(t.TempDir(), "own", "lictrail.db")
		if err := OpenToGroup(path); err != nil {
			t.Fatal(err)
		}
		commitEmpty(t, path)
		if err := errors.Join(os.Chmod(path, test.file), os.Chmod(filepath.Dir(path), test.folder)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotPrivate) {
			t.Errorf("folder %04o, file %04o: %v", test.folder, test.file, err)
		}
		if err := OpenToGroup(path); err == nil {
			t.Errorf("folder %04o, file %04o was opened to the group", test.folder, test.file)
		}
	}
}

// commitEmpty writes a first run without users.
func commitEmpty(t *testing.T, path string) {
	t.Helper()
	db := openRW(t, path)
	s, err := db.Begin(t.Context(), contoso, week(1), "test")
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s)
	closeDB(t, db)
}
