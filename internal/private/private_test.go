package private

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteFile: what is written is nobody else's, also where a file was that
// others could read, and after it was opened to others that shows.
func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := openUp(path); err != nil {
		t.Fatal(err)
	}
	if who, err := OpenTo(path); who == "" || err != nil {
		t.Errorf("a file that all may read is open to %q, %v", who, err)
	}
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if who, err := OpenTo(path); who != "" || err != nil {
		t.Errorf("a file written for its owner is open to %q, %v", who, err)
	}
	if data, err := os.ReadFile(path); string(data) != "new" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if err := openUp(path); err != nil {
		t.Fatal(err)
	}
	if who, err := OpenTo(path); who == "" || err != nil {
		t.Errorf("a file that was opened to all is open to %q, %v", who, err)
	}
	if err := Restrict(path); err != nil {
		t.Fatal(err)
	}
	if who, err := OpenTo(path); who != "" || err != nil {
		t.Errorf("a restricted file is open to %q, %v", who, err)
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "none", "x"), nil); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
}
