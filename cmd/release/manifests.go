package main

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strings"
	"text/template"
	"time"
)

// manifest is the description of a release for a package manager.
type manifest struct {
	Version, Home, License, Summary, Date string

	archives map[string]string // SHA-256 by the name of the archive
}

//go:embed manifests
var manifestFiles embed.FS

// manifestNames are the templates, and where the files go: winget wants a folder
// of three, by version.
var manifestNames = []struct{ template, to string }{
	{"scoop.json", "scoop/lictrail.json"},
	{"homebrew.rb", "homebrew/lictrail.rb"},
	{"winget.yaml", "winget/Lictrail.Lictrail.yaml"},
	{"winget.installer.yaml", "winget/Lictrail.Lictrail.installer.yaml"},
	{"winget.locale.yaml", "winget/Lictrail.Lictrail.locale.en-US.yaml"},
}

// manifests writes the descriptions for package managers of the archives of a release,
// which must be those of all platforms.
func manifests(version, home string, archives map[string]string, at time.Time) ([]entry, error) {
	m := manifest{Version: strings.TrimPrefix(version, "v"), Home: home, License: license, Summary: summary, Date: at.UTC().Format(time.DateOnly), archives: archives}
	var list []entry
	for _, name := range manifestNames {
		t, err := template.New(name.template).ParseFS(manifestFiles, "manifests/"+name.template)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, m); err != nil {
			return nil, fmt.Errorf("manifest %s: %w", path.Base(name.to), err)
		}
		list = append(list, entry{name.to, 0o644, b.Bytes()})
	}
	return list, nil
}

// Folder is what an archive unpacks to.
func (m manifest) Folder(goos, goarch string) string {
	return fmt.Sprintf("lictrail_%s_%s_%s", m.Version, goos, goarch)
}

// URL is where an archive is downloaded.
func (m manifest) URL(goos, goarch string) string {
	return m.Home + "/releases/download/v" + m.Version + "/" + m.archive(goos, goarch)
}

func (m manifest) archive(goos, goarch string) string {
	if goos == "windows" {
		return m.Folder(goos, goarch) + ".zip"
	}
	return m.Folder(goos, goarch) + ".tar.gz"
}

// Digest is the SHA-256 of an archive.
func (m manifest) Digest(goos, goarch string) (string, error) {
	sum, ok := m.archives[m.archive(goos, goarch)]
	if !ok {
		return "", fmt.Errorf("there is no archive %s", m.archive(goos, goarch))
	}
	return sum, nil
}

// Upper is a digest as winget writes it.
func (manifest) Upper(s string) string { return strings.ToUpper(s) }
