//go:build unix

package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const other = 12345 // a uid that is neither root's nor, in a test, this user's

// TestOpen_Modes: the thresholds of what others may do with a file.
func TestOpen_Modes(t *testing.T) {
	for _, c := range []struct {
		mode fs.FileMode
		care Care
		ok   bool
	}{
		{0o600, Secret, true}, {0o400, Secret, true}, {0o640, Secret, true}, {0o440, Secret, true},
		{0o644, Secret, false}, {0o604, Secret, false}, {0o620, Secret, false}, {0o660, Secret, false}, {0o602, Secret, false}, {0o666, Secret, false}, {0o777, Secret, false},
		{0o600, Trusted, true}, {0o644, Trusted, true}, {0o444, Trusted, true}, {0o755, Trusted, true},
		{0o664, Trusted, false}, {0o660, Trusted, false}, {0o646, Trusted, false}, {0o602, Trusted, false}, {0o666, Trusted, false},
		{0o666, Plain, true}, {0o600, Plain, true},
	} {
		path := file(t, t.TempDir(), c.mode)
		data, err := Read(path, c.care, 100)
		if c.ok && (err != nil || string(data) != "text") || !c.ok && !errors.Is(err, ErrUnsafe) {
			t.Errorf("mode %04o, care %d: %q, %v, want it taken: %t", c.mode, c.care, data, err, c.ok)
		}
		if text, err := Describe(path, c.care); c.ok != (err == nil) || c.ok && text != fmt.Sprintf("yours, mode %04o", c.mode) {
			t.Errorf("mode %04o: %q, %v", c.mode, text, err)
		}
	}
}

// file makes a file, whatever the umask.
func file(t *testing.T, dir string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(path, []byte("text"), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpen_Owner: a file, a folder above it and a link on the way to it that are
// somebody else's.
func TestOpen_Owner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	for name, give := range map[string]func(dir, path string) string{
		"file": func(_, path string) string { must(t, os.Chown(path, other, other)); return path },
		"folder": func(dir, path string) string {
			must(t, os.Chown(dir, other, other))
			return path
		},
		"link": func(_, path string) string {
			link := filepath.Join(t.TempDir(), "link")
			must(t, os.Symlink(path, link))
			must(t, os.Lchown(link, other, other))
			return link
		},
	} {
		for _, care := range []Care{Plain, Trusted, Secret} {
			dir := t.TempDir()
			path := give(dir, file(t, dir, 0o600))
			_, err := Read(path, care, 100)
			if care == Plain && err != nil || care != Plain && !errors.Is(err, ErrUnsafe) {
				t.Errorf("%s, care %d: %v", name, care, err)
			}
		}
	}
}

// TestOpen_Handed: what the administrator hands to a service may be open to all,
// and is taken by another user than the administrator.
func TestOpen_Handed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := file(t, dir, 0o444)
	as(t, other, func() {
		if _, err := Read(path, Secret, 100); err != nil {
			t.Error(err)
		}
	})
	must(t, os.Chmod(path, 0o646))
	as(t, other, func() {
		if _, err := Read(path, Secret, 100); !errors.Is(err, ErrUnsafe) {
			t.Errorf("a secret that everybody may write is taken: %v", err)
		}
	})
}

// as does something with another effective uid.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	must(t, syscall.Seteuid(uid))
	defer func() { must(t, syscall.Seteuid(0)) }()
	do()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOpen_Folder: in a folder that others may write to, they may put another
// file in the place of this one, unless the folder has the sticky bit.
func TestOpen_Folder(t *testing.T) {
	for _, c := range []struct {
		mode fs.FileMode
		ok   bool
	}{
		{0o700, true}, {0o755, true}, {0o777, false}, {0o757, false}, {0o777 | fs.ModeSticky, true},
		{0o775, os.Geteuid() == 0}, // the administrator's groups are the administrator's decision
	} {
		for _, below := range []string{"", "a/b"} {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, below), 0o700))
			path := file(t, filepath.Join(dir, below), 0o600)
			must(t, os.Chmod(dir, c.mode))
			_, err := Read(path, Trusted, 100)
			if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrUnsafe) {
				t.Errorf("mode %v, below %q: %v, want it taken: %t", c.mode, below, err, c.ok)
			}
		}
	}
}

// TestOpen_NotFile waits for nobody.
func TestOpen_NotFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero", t.TempDir()} {
		done := make(chan error, 1)
		go func() { _, err := Read(path, Plain, 100); done <- err }()
		select {
		case err := <-done:
			if !errors.Is(err, ErrNotFile) {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("it waits for %s", path)
		}
	}
	if f, err := openFile(pipe); err != nil {
		t.Error(err) // had the pipe taken the file's place after the first look
	} else if err := check(f, pipe, Plain); !errors.Is(err, ErrNotFile) {
		t.Errorf("a pipe that was opened is taken: %v", err)
	}
}

func TestRead_Limit(t *testing.T) {
	path := file(t, t.TempDir(), 0o600)
	if data, err := Read(path, Secret, 4); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := Read(path, Secret, 3); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"), Secret, 3)
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "none") != 1 {
		t.Error(err)
	}
}
