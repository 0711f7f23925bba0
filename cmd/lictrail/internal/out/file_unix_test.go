//go:build unix

package out

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// wantDir checks that a directory holds just these files with this content.
func wantDir(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files in the directory, want %d: %v", len(entries), len(want), entries)
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, content)
		}
	}
}

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report *.csv")
	for _, text := range []string{"first", "", strings.Repeat("second", 10_000)} {
		if err := WriteFile(path, write(text)); err != nil {
			t.Fatal(err)
		}
		wantDir(t, dir, map[string]string{"report *.csv": text})
	}
}

func TestWriteFile_Relative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := WriteFile("report.csv", write("x")); err != nil {
		t.Fatal(err)
	}
	wantDir(t, ".", map[string]string{"report.csv": "x"})
}

// A report is its owner's alone, whatever the umask and the old file's mode.
func TestWriteFile_Mode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		path := filepath.Join(t.TempDir(), "report")
		if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, 0o666)
		old := syscall.Umask(umask)
		err := WriteFile(path, write("new"))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("umask %03o: %v, %v; want -rw-------", umask, info.Mode(), err)
		}
	}
}

func TestCreateFile_Refuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	os.WriteFile(target, []byte("keep"), 0o600)
	os.Symlink(target, filepath.Join(dir, "link"))
	os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling"))
	os.Mkdir(filepath.Join(dir, "dir"), 0o700)
	syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600)
	foreign := filepath.Join(dir, "foreign")
	os.WriteFile(foreign, []byte("theirs"), 0o600)
	chowned := os.Chown(foreign, os.Geteuid()+1, -1) == nil

	for _, tc := range []struct {
		name, path, want string
		code             int
		skip             bool
	}{
		{"link", filepath.Join(dir, "link"), "is a symbolic link", 2, false},
		{"dangling link", filepath.Join(dir, "dangling"), "is a symbolic link", 2, false},
		{"directory", filepath.Join(dir, "dir"), "is a directory", 2, false},
		{"pipe", filepath.Join(dir, "fifo"), "is not a regular file", 2, false},
		{"device", "/dev/null", "is not a regular file", 2, false},
		{"another's file", foreign, "belongs to another user", 2, !chowned},
		{"no name", "", "names no file", 2, false},
		{"slash at the end", filepath.Join(dir, "new") + "/", "names no file", 2, false},
		{"no such directory", filepath.Join(dir, "no", "report"), "no such file or directory", 1, false},
		{"file as directory", filepath.Join(target, "report"), "not a directory", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.skip {
				t.Skip("cannot give a file to another user")
			}
			f, err := CreateFile(tc.path)
			var known *Error
			if !errors.As(err, &known) || known.Code != tc.code || !strings.Contains(known.Message, tc.want) {
				t.Fatalf("got %v, want code %d, %q", err, tc.code, tc.want)
			}
			if tc.code == 2 && known.Hint == "" {
				t.Error("no hint")
			}
			if f != nil {
				t.Error("a file came with the error")
			}
		})
	}
	if got, _ := os.ReadFile(target); string(got) != "keep" {
		t.Error("a link was followed")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 6 {
		t.Errorf("something was left behind: %v", entries)
	}
}

// Whatever fails on the way, the old report stays whole and nothing is left.
func TestFile_Faults(t *testing.T) {
	full := error(syscall.ENOSPC)
	faults := map[string]func(*fileOps){
		"write": func(o *fileOps) {
			o.write = func(f *os.File, p []byte) (int, error) {
				n, _ := f.Write(p[:len(p)/2])
				return n, full
			}
		},
		"sync":  func(o *fileOps) { o.sync = func(*os.File) error { return full } },
		"close": func(o *fileOps) { o.sync = (*os.File).Close },
		"rename": func(o *fileOps) {
			o.rename = func(a, b string) error { return &os.LinkError{Op: "rename", Old: a, New: b, Err: full} }
		},
	}
	for name, fault := range faults {
		for _, size := range []int{10, 1 << 20} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "report")
				if err := WriteFile(path, write("old")); err != nil {
					t.Fatal(err)
				}
				ops := realFileOps()
				fault(&ops)
				f, err := createFile(path, ops)
				if err != nil {
					t.Fatal(err)
				}
				_, werr := f.Write(make([]byte, size))
				err = errors.Join(werr, f.Commit())
				if err == nil || name != "close" && !errors.Is(err, full) {
					t.Errorf("got %v", err)
				}
				if n := strings.Count(err.Error(), dir); n > 2 {
					t.Errorf("the message is crowded: %v", err)
				}
				wantDir(t, dir, map[string]string{"report": "old"})
			})
		}
	}
}

func TestFile_SyncOrder(t *testing.T) {
	var calls []string
	ops := realFileOps()
	note := func(call string) { calls = append(calls, call) }
	ops.write = func(f *os.File, p []byte) (int, error) { note("write"); return f.Write(p) }
	ops.sync = func(f *os.File) error { note("sync"); return f.Sync() }
	ops.rename = func(a, b string) error { note("rename"); return os.Rename(a, b) }
	ops.syncDir = func(dir string) error { note("syncDir"); return syncDir(dir) }
	f, err := createFile(filepath.Join(t.TempDir(), "report"), ops)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(calls, " "); got != "write sync rename syncDir" {
		t.Errorf("calls: %s", got)
	}
}

func TestFile_SyncDirErr(t *testing.T) {
	ops := realFileOps()
	ops.syncDir = func(string) error { return syscall.EIO }
	dir := t.TempDir()
	f, err := createFile(filepath.Join(dir, "report"), ops)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "new")
	if err := f.Commit(); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	wantDir(t, dir, map[string]string{"report": "new"})
	if err := syncDir(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("syncDir of nothing: %v", err)
	}
}

func TestWriteFile_FillFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	if err := WriteFile(path, write("old")); err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	err := WriteFile(path, func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("half", 10_000))
		return interrupted
	})
	if !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
	wantDir(t, dir, map[string]string{"report": "old"})

	func() {
		defer func() { recover() }()
		WriteFile(path, func(io.Writer) error { panic("bug") })
	}()
	wantDir(t, dir, map[string]string{"report": "old"})
}

func TestFile_CommitOnce(t *testing.T) {
	dir := t.TempDir()
	f, err := CreateFile(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if f.Commit() == nil {
		t.Error("a second Commit succeeded")
	}
	wantDir(t, dir, map[string]string{"report": "x"})
}

// A document that fails midway leaves the old report.
func TestWriteFile_Document(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	if err := WriteFile(path, write("old")); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(path, func(w io.Writer) error {
		d := NewDocument(w, Tenant{})
		d.Item("fine")
		d.Item(func() {})
		return d.Close()
	})
	if err == nil {
		t.Error("no error")
	}
	wantDir(t, dir, map[string]string{"report.json": "old"})
}
