//go:build unix

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
)

// A history is its owner's alone, whatever the umask. Not parallel: the umask
// is the process's.
func TestOpen_ModesUnderAnyUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		old := syscall.Umask(umask)
		defer syscall.Umask(old)
		dir := filepath.Join(t.TempDir(), "new", "folder")
		path := filepath.Join(dir, "history.db")
		db := openRW(t, path)
		s := begin(t, db)
		commit(t, s, newcomer(s, "ann"))
		modes(t, umask, dir, 3) // with -wal and -shm
		closeDB(t, db)
		reader := openRO(t, path)
		count(t, reader, "SELECT count(*) FROM users")
		modes(t, umask, dir, 1)
		closeDB(t, reader)
	}
}

// modes checks the folders and every file in them.
func modes(t *testing.T, umask int, dir string, atLeast int) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Dir(dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("umask %03o: %s has mode %03o", umask, entry.Name(), info.Mode().Perm())
		}
		return nil
	})
	if err != nil || files < atLeast {
		t.Errorf("umask %03o: %d files, %v", umask, files, err)
	}
}

// A pipe would wait for its other end for ever.
func TestOpen_Pipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe.db")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, ErrNotPlainFile) {
		t.Errorf("for writing: %v", err)
	}
	if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotPlainFile) {
		t.Errorf("for reading: %v", err)
	}
}

// P2: a history that is somebody else's is refused and left as it is, and nothing
// is made beside it: root's -wal would shut the owner out.
func TestP2_OthersFile(t *testing.T) {
	t.Parallel()
	if !ownedByOther(fakeOwner(os.Geteuid()+1)) || ownedByOther(fakeOwner(os.Geteuid())) {
		t.Error("the owner is not told")
	}
	files := []string{"", "-wal"}
	for _, suffix := range files {
		path := newHistory(t)
		if suffix != "" {
			if err := os.WriteFile(path+suffix, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(path+suffix, os.Geteuid()+1, -1); err != nil {
			t.Skip("cannot give a file to another user: ", err)
		}
		before := stateOf(t, path)
		if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotOwner) {
			t.Errorf("%q for reading: %v", suffix, err)
		}
		if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, ErrNotOwner) {
			t.Errorf("%q for writing: %v", suffix, err)
		}
		if after := stateOf(t, path); after != before {
			t.Errorf("%q: the file changed", suffix)
		}
	}
	t.Logf("P2: %d files, each for reading and for writing: refused, 0 changed", len(files))
}

// fakeOwner is a file of a user.
func fakeOwner(uid int) fs.FileInfo { return ownedInfo{uid: uid} }

type ownedInfo struct {
	fs.FileInfo
	uid int
}

func (i ownedInfo) Sys() any { return &syscall.Stat_t{Uid: uint32(i.uid)} }

// A folder that cannot be written to is an error that names the cause.
func TestOpen_NoPermission(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadWrite(t.Context(), filepath.Join(dir, "history.db"), migrations.Apply); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("for writing: %v", err)
	}
}

// To read from a folder that may not be written needs the files of locks there
// already; without them the error says what is wrong, and nothing is left behind.
func TestOpen_FolderMayNotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "history.db")
	db := openRW(t, path)
	s := begin(t, db)
	commit(t, s, newcomer(s, "ann"))
	closeDB(t, db)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) }) //nolint:errcheck // so that it can be removed
	if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, engine.ErrMayNotWrite) {
		t.Errorf("for reading: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v", files, err)
	}
	if err := errors.Join(os.Chmod(dir, 0o700), os.Chmod(path, 0o400)); err != nil {
		t.Fatal(err)
	}
	if _, err := openRW(t, path).Begin(t.Context(), contoso, week(1), "test"); !errors.Is(err, engine.ErrMayNotWrite) {
		t.Errorf("for writing a file that may be read only: %v", err)
	}
}

// P1: a history that others may read is refused and left as it is; one that is
// not ours is told as that.
func TestP1_LooseFile(t *testing.T) {
	t.Parallel()
	if want := string(binary.BigEndian.AppendUint32(nil, migrations.ApplicationID)); mark != want {
		t.Fatalf("the mark is %q, migrations has %q", mark, want)
	}
	files := 0
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o660, 0o777} {
		for _, suffix := range []string{"", "-wal"} {
			files++
			path := newHistory(t)
			if suffix != "" {
				if err := os.WriteFile(path+suffix, bytes.Repeat([]byte("x"), 200), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(path+suffix, mode); err != nil {
				t.Fatal(err)
			}
			before := stateOf(t, path)
			if _, err := OpenReadOnly(t.Context(), path, migrations.Check); !errors.Is(err, ErrNotPrivate) {
				t.Errorf("%04o%s for reading: %v", mode, suffix, err)
			}
			if _, err := OpenReadWrite(t.Context(), path, migrations.Apply); !errors.Is(err, ErrNotPrivate) {
				t.Errorf("%04o%s for writing: %v", mode, suffix, err)
			}
			if after := stateOf(t, path); after != before {
				t.Errorf("%04o%s: the file changed", mode, suffix)
			}
		}
	}
	other := filepath.Join(t.TempDir(), "notes.db")
	if err := os.WriteFile(other, bytes.Repeat([]byte("Dear diary, "), 100), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), other, migrations.Check); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("a text that others may read: %v", err)
	}
	t.Logf("P1: %d files of 5 modes, each for reading and for writing: refused, 0 changed", files)
}
