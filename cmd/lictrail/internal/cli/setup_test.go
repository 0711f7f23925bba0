package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMayWriteBelow: a place in which no settings can be written is refused before
// anything is asked; one that is not there yet is made later.
func TestMayWriteBelow(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for place, ok := range map[string]bool{dir: true, filepath.Join(dir, "a", "b"): true, filepath.Join(file, "a"): false} {
		if err := mayWriteBelow(place); (err == nil) != ok {
			t.Errorf("%s: %v", place, err)
		}
	}
}
