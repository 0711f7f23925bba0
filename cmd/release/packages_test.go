package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"lictrail/internal/golden"
)

var when = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// TestPacked: a package is the same every time, by the time of the commit.
func TestPacked(t *testing.T) {
	entries := []entry{{"lictrail", 0o755, []byte("program")}, {"LICENSE", 0o644, []byte("MIT")}, {"man/man1/lictrail.1", 0o644, []byte(".TH")}, {"completions/_lictrail", 0o644, []byte("#compdef")}}
	names := map[string]string{"deb": "lictrail_0.1.0_arm64.deb", "rpm": "lictrail-0.1.0-1.aarch64.rpm"}
	for _, format := range formats {
		var made [][]byte
		for range 2 {
			name, data, err := packed(format, "v0.1.0", "arm64", "https://example.com/lictrail", slices.Clone(entries), when)
			if err != nil || name != names[format] {
				t.Fatalf("%s: %v", name, err)
			}
			made = append(made, data)
		}
		if !bytes.Equal(made[0], made[1]) || len(made[0]) < 500 {
			t.Errorf("two %s packages of the same files differ", format)
		}
	}
}

// TestPlaceOf: every file of an archive has a place in a package, but for what
// only PowerShell reads.
func TestPlaceOf(t *testing.T) {
	for name, want := range map[string]string{
		"lictrail": "/usr/bin/lictrail", "man/man1/lictrail-who.1": "/usr/share/man/man1/lictrail-who.1.gz",
		"completions/lictrail.bash": "/usr/share/bash-completion/completions/lictrail", "completions/lictrail.fish": "/usr/share/fish/vendor_completions.d/lictrail.fish",
		"completions/lictrail.ps1": "", "LICENSE": "/usr/share/doc/lictrail/copyright", "sbom.cdx.json": "/usr/share/doc/lictrail/sbom.cdx.json",
	} {
		if got := placeOf(name, "deb"); got != want {
			t.Errorf("%s goes to %q, want %q", name, got, want)
		}
	}
	if placeOf("completions/_lictrail", "rpm") == placeOf("completions/_lictrail", "deb") {
		t.Error("the zsh of Debian and of Fedora look into different folders")
	}
}

// TestManifests: they name each archive with its digest, and are what they claim
// to be; without an archive there is none.
func TestManifests(t *testing.T) {
	archives := map[string]string{}
	for i, target := range strings.Split(platforms, ",") {
		goos, goarch, _ := strings.Cut(target, "/")
		archives[manifest{Version: "0.1.0"}.archive(goos, goarch)] = strings.Repeat(string(rune('a'+i)), 64)
	}
	list, err := manifests("v0.1.0", "https://example.com/lictrail", archives, when)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, m := range list {
		all.WriteString("== " + m.name + "\n" + string(m.data))
		var tree map[string]any
		switch {
		case strings.HasSuffix(m.name, ".json"):
			err = json.Unmarshal(m.data, &tree)
		case strings.HasSuffix(m.name, ".yaml"):
			err = yaml.Unmarshal(m.data, &tree)
		}
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	golden.File(t, "testdata/manifests.txt", all.String())
	named := regexp.MustCompile(`https://\S+/(lictrail_[^"\s/]+)"?,?\s+(?:sha256 "|InstallerSha256: |"hash": ")([0-9A-Fa-f]{64})`).FindAllStringSubmatch(all.String(), -1)
	if len(named) != 8 { // two of Windows twice, two of macOS, two of Linux
		t.Errorf("%d archives are named with a digest", len(named))
	}
	for _, n := range named {
		if !strings.EqualFold(archives[n[1]], n[2]) || archives[n[1]] == "" {
			t.Errorf("%s has the digest %s", n[1], n[2])
		}
	}
	delete(archives, "lictrail_0.1.0_darwin_arm64.tar.gz")
	if _, err := manifests("v0.1.0", "https://example.com", archives, when); err == nil {
		t.Error("a manifest was written without an archive")
	}
}
