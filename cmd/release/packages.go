package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	contents "github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// formats are the packages that are made for Linux.
var formats = []string{"deb", "rpm"}

// placeOf is where each file of an archive goes in a package, by the folder or the
// name that it has there; the zsh of Debian looks elsewhere than that of Fedora.
func placeOf(name, format string) string {
	switch {
	case name == product:
		return "/usr/bin/" + product
	case strings.HasPrefix(name, "man/man1/"):
		return "/usr/share/man/man1/" + path.Base(name) + ".gz"
	case name == "completions/lictrail.bash":
		return "/usr/share/bash-completion/completions/" + product
	case name == "completions/_lictrail" && format == "deb":
		return "/usr/share/zsh/vendor-completions/_lictrail"
	case name == "completions/_lictrail":
		return "/usr/share/zsh/site-functions/_lictrail"
	case name == "completions/lictrail.fish":
		return "/usr/share/fish/vendor_completions.d/lictrail.fish"
	case name == "LICENSE" && format == "deb":
		return "/usr/share/doc/lictrail/copyright"
	case strings.HasPrefix(name, "completions/"):
		return "" // PowerShell's: a profile loads it
	}
	return "/usr/share/doc/lictrail/" + name
}

// packed makes a package of the files of an archive. The same files give the same
// bytes.
func packed(format, version, goarch, home string, entries []entry, at time.Time) (name string, data []byte, err error) {
	dir, err := os.MkdirTemp("", "lictrail-package-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(dir)
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: product, Arch: goarch, Platform: "linux", Version: version, Section: "admin", Priority: "optional",
		Maintainer: maintainer, Vendor: "lictrail", Description: about, Homepage: home, License: license, MTime: at,
		Overridables: nfpm.Overridables{
			Recommends: []string{"ca-certificates"},
			RPM:        nfpm.RPM{Summary: summary, BuildHost: "localhost", Group: "Applications/System", Compression: "gzip"},
		},
	})
	for i, e := range sorted(entries) {
		to := placeOf(e.name, format)
		if to == "" {
			continue
		}
		if strings.HasSuffix(to, ".gz") {
			if e.data, err = compressed(e.data); err != nil {
				return "", nil, err
			}
		}
		from := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(from, e.data, 0o600); err != nil {
			return "", nil, err
		}
		info.Contents = append(info.Contents, &contents.Content{Source: from, Destination: to, FileInfo: &contents.ContentFileInfo{Mode: e.mode, MTime: at, Owner: "root", Group: "root"}})
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", nil, err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return "", nil, fmt.Errorf("make the %s package: %w", format, err)
	}
	return packager.ConventionalFileName(info), b.Bytes(), nil
}

// compressed is a file as gzip -9n writes it.
func compressed(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
