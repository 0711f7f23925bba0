package gather

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit/exports"
)

// record is an audit record as the Management Activity API has it.
const record = `{"Id":"1","Operation":"Change user license.","CreationTime":"2026-03-01T06:00:00","OrganizationId":"11111111-2222-3333-4444-555555555555","RecordType":8,"Workload":"AzureActiveDirectory"}`

// newExports gathers with an input, and returns what is noted on stderr.
func newExports(t *testing.T, in string) (*Exports, *strings.Builder) {
	t.Helper()
	var notes strings.Builder
	x := &Exports{
		Streams: &out.Streams{In: strings.NewReader(in), Out: io.Discard, Err: &notes},
		Most:    1 << 20, Now: func() time.Time { return time.Unix(0, 0) }, Version: "test",
	}
	t.Cleanup(x.Close)
	return x, &notes
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAdd_Named: a file that the command line names must be an export, and so must
// the standard input.
func TestAdd_Named(t *testing.T) {
	dir := t.TempDir()
	good, bad := write(t, dir, "good.json", record), write(t, dir, "notes.txt", "no record\n")
	for _, tt := range []struct {
		path, in string
		want     string // the name of the export that is found
		refused  bool
	}{
		{path: good, want: "good.json"},
		{path: bad, refused: true},
		{path: filepath.Join(dir, "missing.json"), refused: true},
		{path: "-", in: record, want: stdinTitle},
		{path: "-", in: "no record\n", refused: true},
	} {
		x, _ := newExports(t, tt.in)
		err := x.Add(t.Context(), tt.path)
		if (err != nil) != tt.refused {
			t.Errorf("%s: %v", tt.path, err)
		}
		if !tt.refused && (len(x.Files) != 1 || x.Files[0].Name != tt.want) {
			t.Errorf("%s: found %v, want %q", tt.path, x.Files, tt.want)
		}
		if tt.refused && len(x.Files) > 0 {
			t.Errorf("%s: refused, and %d exports kept", tt.path, len(x.Files))
		}
	}
}

// TestAdd_Folder: what is no export is passed over with a note, and counted unless an
// operating system left it there. Folders below are read, links are not followed.
func TestAdd_Folder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", record)
	write(t, dir, "below/b.json", record)
	write(t, dir, "notes.txt", "no record\n")
	write(t, dir, ".DS_Store", "no record\n")
	links := os.Symlink(filepath.Join(dir, "a.json"), filepath.Join(dir, "link.json")) == nil
	x, notes := newExports(t, "")
	if err := x.Add(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range x.Files {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "a.json below/b.json" {
		t.Errorf("found %q", got)
	}
	want := 1 // notes.txt
	if links {
		want++
	}
	if x.Passed != want {
		t.Errorf("%d files were passed over, want %d: %s", x.Passed, want, notes)
	}
	if !strings.Contains(notes.String(), `"notes.txt" was passed over`) {
		t.Errorf("notes: %s", notes)
	}
}

// TestNotes_Bounded: of many files that are passed over some are named, and the rest
// counted.
func TestNotes_Bounded(t *testing.T) {
	dir := t.TempDir()
	for i := range shownPassed + 3 {
		write(t, dir, fmt.Sprintf("%02d.txt", i), "no record\n")
	}
	x, notes := newExports(t, "")
	if err := x.Add(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	x.NoteRest()
	if n := strings.Count(notes.String(), "was passed over"); n != shownPassed {
		t.Errorf("%d files are named, want %d", n, shownPassed)
	}
	if !strings.Contains(notes.String(), "3 more files passed over") {
		t.Errorf("notes: %s", notes)
	}
}

// TestExplain: each way in which an export cannot be read to its end is wrong use with
// a hint; other errors stay what they are.
func TestExplain(t *testing.T) {
	other := errors.New("disk on fire")
	for _, tt := range []struct {
		err  error
		hint string // part of it; "": the error as it is
	}{
		{exports.ErrBound, "--max-unpacked"},
		{exports.ErrBomb, "unpack it"},
		{exports.ErrOrder, "--date-order"},
		{track.ErrFile, "damaged or no export"},
		{other, ""},
	} {
		got := Explain(fmt.Errorf("line 3: %w", tt.err))
		if tt.hint == "" {
			if !errors.Is(got, other) || errors.Is(got, exit.ErrUsage) {
				t.Errorf("%v became %v", tt.err, got)
			}
			continue
		}
		if shown := exit.Explained(got); !errors.Is(got, exit.ErrUsage) || !strings.Contains(shown.Hint, tt.hint) || !strings.Contains(shown.Hint, "nothing was imported") {
			t.Errorf("%v: %v, hint %q, want one with %q", tt.err, got, shown.Hint, tt.hint)
		}
	}
}

// TestTitle: the standard input has a name that people know.
func TestTitle(t *testing.T) {
	for path, want := range map[string]string{"-": "standard input", "/tmp/export.csv": "export.csv", "./-": "-"} {
		if got := Title(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
