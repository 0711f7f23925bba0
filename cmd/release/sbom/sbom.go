// Package sbom lists what a program is made of, as CycloneDX 1.6 JSON: every Go
// module in the binary as the binary itself records it, Go's own library, and what no
// module says, since it was translated from C: SQLite and, on Linux, musl.
package sbom

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Modules that are C translated to Go.
const (
	sqliteModule = "modernc.org/sqlite"
	libcModule   = "modernc.org/libc"
)

// Facts are what the binary does not contain about itself.
type Facts struct {
	At             time.Time // when it was released: the time of the commit
	SHA256         string    // of the binary, in hexadecimal
	SQLite, Source string    // SQLite's version and the id of its source
	Musl           string    // the commit of musl; "" where it is not in
	License        string    // of the program, as SPDX has it
	Licenses       map[string]string
}

// BOM is a bill of materials.
type BOM struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     Metadata     `json:"metadata"`
	Components   []Component  `json:"components"`
	Dependencies []Dependency `json:"dependencies"`
}

// Metadata is about the program itself.
type Metadata struct {
	Timestamp string    `json:"timestamp"`
	Component Component `json:"component"`
}

// Component is a part of the program, or the program.
type Component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []Hash     `json:"hashes,omitempty"`
	Licenses   []License  `json:"licenses,omitempty"`
	CPE        string     `json:"cpe,omitempty"`
	PURL       string     `json:"purl"`
	Properties []Property `json:"properties,omitempty"`
}

// Hash is of a file.
type Hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

// License is a license by its SPDX id.
type License struct {
	License LicenseID `json:"license"`
}

// LicenseID is an SPDX id.
type LicenseID struct {
	ID string `json:"id"`
}

// Property is what CycloneDX has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Dependency says what a component contains.
type Dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// New lists what a binary is made of. A binary without a version of Go or with a
// module whose license is not among the facts is an error.
func New(info *debug.BuildInfo, f Facts) (*BOM, error) {
	program := Component{Type: "application", Name: info.Main.Path, Version: cmp.Or(info.Main.Version, "(devel)"), Licenses: licensed(f.License)}
	program.PURL = purl(program.Name, program.Version)
	program.Ref = program.PURL
	if f.SHA256 != "" {
		program.Hashes = []Hash{{"SHA-256", f.SHA256}}
	}
	for _, s := range info.Settings {
		program.Properties = append(program.Properties, Property{"go:build:" + s.Key, s.Value})
	}
	parts, err := modules(info, f)
	if err != nil {
		return nil, err
	}
	release, ok := strings.CutPrefix(info.GoVersion, "go")
	if !ok {
		return nil, fmt.Errorf("the binary tells no version of Go: %q", info.GoVersion)
	}
	parts = append(parts, Component{Type: "library", Name: "std", Version: release, PURL: "pkg:golang/std@" + release, Licenses: licensed("BSD-3-Clause")})
	whole := Dependency{Ref: program.Ref}
	dependencies := []Dependency{}
	for i := range parts {
		parts[i].Ref = parts[i].PURL
		whole.DependsOn = append(whole.DependsOn, parts[i].Ref)
		dependencies = append(dependencies, Dependency{Ref: parts[i].Ref})
	}
	for module, c := range translated(f) {
		i := slices.IndexFunc(parts, func(p Component) bool { return p.Name == module })
		if i < 0 {
			return nil, fmt.Errorf("%s is not in the binary, and %s should be in it", module, c.Name)
		}
		dependencies[i].DependsOn = []string{c.Ref}
		dependencies = append(dependencies, Dependency{Ref: c.Ref})
		parts = append(parts, c)
	}
	order := func(a, b Component) int { return cmp.Compare(a.Ref, b.Ref) }
	slices.SortFunc(parts, order)
	slices.SortFunc(dependencies, func(a, b Dependency) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.Sort(whole.DependsOn)
	return &BOM{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Serial: serial(f.SHA256), Version: 1,
		Metadata:   Metadata{f.At.UTC().Format(time.RFC3339), program},
		Components: parts, Dependencies: append([]Dependency{whole}, dependencies...),
	}, nil
}

// modules are the Go modules in the binary, as they were built: a replacement
// stands in the place of what it replaces.
func modules(info *debug.BuildInfo, f Facts) ([]Component, error) {
	var parts []Component
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		license := f.Licenses[m.Path]
		if license == "" {
			return nil, fmt.Errorf("the license of %s is not known", m.Path)
		}
		c := Component{Type: "library", Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version), Licenses: licensed(license)}
		if m.Sum != "" {
			c.Properties = []Property{{"go:sum", m.Sum}}
		}
		parts = append(parts, c)
	}
	return parts, nil
}

// translated are the parts that were C, by the module that holds them.
func translated(f Facts) map[string]Component {
	sqlite := Component{Type: "library", Name: "sqlite", Version: f.SQLite, PURL: "pkg:generic/sqlite@" + f.SQLite, Licenses: licensed("blessing"),
		CPE: fmt.Sprintf("cpe:2.3:a:sqlite:sqlite:%s:*:*:*:*:*:*:*", f.SQLite), Properties: []Property{{"sqlite:source_id", f.Source}}}
	sqlite.Ref = sqlite.PURL
	parts := map[string]Component{sqliteModule: sqlite}
	if f.Musl != "" {
		musl := Component{Type: "library", Name: "musl", Version: f.Musl, PURL: "pkg:generic/musl@" + f.Musl, Licenses: licensed("MIT")}
		musl.Ref = musl.PURL
		parts[libcModule] = musl
	}
	return parts
}

// purl is the address of a Go module's version.
func purl(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func licensed(id string) []License {
	if id == "" {
		return nil
	}
	return []License{{LicenseID{id}}}
}

// serial names the bill by the binary that it is of, so that it is the same
// whoever makes it.
func serial(sum string) string {
	h := (sum + strings.Repeat("0", 32))[:32]
	return fmt.Sprintf("urn:uuid:%s-%s-8%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}

// Write writes the bill.
func (b *BOM) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}
