package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 12, 0, 6, 0, time.UTC)

var files = []entry{{"x/program", 0o755, []byte("code")}, {"x/a/README", 0o644, []byte("read me")}}

// TestArchives: the same bytes whatever the order and whenever packed, and what
// was put in comes out.
func TestArchives(t *testing.T) {
	want := []string{"x/a/README 644 read me", "x/program 755 code"}
	for name, pack := range map[string]func([]entry, time.Time) ([]byte, error){"tar": tarball, "zip": zipped} {
		first, err := pack(files, at)
		if err != nil {
			t.Fatal(err)
		}
		turned := slices.Clone(files)
		slices.Reverse(turned)
		second, err := pack(turned, at.In(time.FixedZone("elsewhere", 3600)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two archives differ", name)
		}
		if got := unpack(t, name, first); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func unpack(t *testing.T, name string, archive []byte) []string {
	t.Helper()
	var got []string
	note := func(name string, mode uint32, modified time.Time, r io.Reader) {
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !modified.Equal(at) {
			t.Errorf("%s is of %v", name, modified)
		}
		got = append(got, fmt.Sprintf("%s %o %s", name, mode, data))
	}
	if name == "zip" {
		z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			note(f.Name, uint32(f.Mode().Perm()), f.Modified, r)
		}
		return got
	}
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s is somebody's", h.Name)
		}
		note(h.Name, uint32(h.Mode), h.ModTime, r)
	}
}
