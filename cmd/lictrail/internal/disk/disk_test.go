package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestExisting(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: dir, file: file, filepath.Join(dir, "a"): dir, filepath.Join(dir, "a", "b", "c.db"): dir,
	} {
		if got, err := Existing(path); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
	if got, err := Existing(filepath.Join(file, "below")); err == nil {
		t.Errorf("below a file there is %s", got)
	}
}

func TestOf(t *testing.T) {
	v, err := Of(t.TempDir())
	if errors.Is(err, ErrUnknown) {
		t.Skip(err)
	}
	if err != nil || v.Free == 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := Of(filepath.Join(t.TempDir(), "no such")); err == nil {
		t.Error("a place that is not there has a file system")
	}
}

func TestMayWrite(t *testing.T) {
	dir := t.TempDir()
	if err := MayWrite(dir); errors.Is(err, ErrUnknown) {
		t.Skip(err)
	} else if err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
	if err := MayWrite(filepath.Join(dir, "no such")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := MayWrite(dir); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a folder of mode 0500 may be written: %v", err)
	}
}
