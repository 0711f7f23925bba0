package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/cmd/release/sbom"
	"lictrail/snapshot/store/engine"
)

// release is one version on its way out.
type release struct {
	dir      string
	targets  []string
	home     string // where it is published
	modified bool

	root           string // of the repository
	sqlite, source string
	documents      []entry // what every archive has, but for the program
	pages          []entry // manual pages and completions, once they are made
	sums           []string
	archives       map[string]string // SHA-256 by the name
	version        string
	at             time.Time
}

func (r *release) make(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, target := range r.targets {
		if err := r.platform(ctx, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	if err := r.announce(); err != nil {
		return err
	}
	slices.Sort(r.sums)
	return os.WriteFile(filepath.Join(r.dir, "SHA256SUMS"), []byte(strings.Join(r.sums, "")), 0o644)
}

// announce writes the descriptions for package managers, which needs the archives of all
// platforms.
func (r *release) announce() error {
	if len(r.archives) < len(strings.Split(platforms, ",")) {
		fmt.Println("no manifests for package managers: they need the archives of all platforms")
		return nil
	}
	if r.home == "" {
		fmt.Println("no manifests for package managers: they need the address below which the release is published (-home)")
		return nil
	}
	list, err := manifests(r.version, r.home, r.archives, r.at)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := r.publish(m.name, m.data); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) prepare(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	r.root = filepath.Dir(strings.TrimSpace(string(out)))
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	if old, err := os.ReadDir(r.dir); err != nil || len(old) > 0 {
		return errors.Join(fmt.Errorf("%s is not empty", r.dir), err)
	}
	if r.sqlite, r.source, err = engine.Version(ctx); err != nil {
		return err
	}
	for _, name := range []string{"LICENSE", "README.md"} {
		text, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return err
		}
		r.documents = append(r.documents, entry{name, 0o644, text})
	}
	return nil
}

// platform builds and packs the program for one.
func (r *release) platform(ctx context.Context, target string) error {
	goos, goarch, ok := strings.Cut(target, "/")
	if !ok {
		return errors.New("want a platform such as linux/amd64")
	}
	program, info, err := r.build(ctx, goos, goarch)
	if err != nil {
		return err
	}
	at, err := commitTime(info)
	if err != nil {
		return err
	}
	sources, err := sbom.Sources(ctx, r.root, info)
	if err != nil {
		return err
	}
	bill, err := r.bill(program, info, sources, goos, at)
	if err != nil {
		return err
	}
	licenses, err := licenseTexts(sources)
	if err != nil {
		return err
	}
	if r.pages == nil {
		if r.pages, err = r.documentation(ctx, at); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("lictrail_%s_%s_%s", strings.TrimPrefix(info.Main.Version, "v"), goos, goarch)
	entries := append(slices.Clone(r.documents), entry{"lictrail" + map[string]string{"windows": ".exe"}[goos], 0o755, program},
		entry{"LICENSES.txt", 0o644, licenses}, entry{"sbom.cdx.json", 0o644, bill})
	entries = append(entries, r.pages...)
	r.version, r.at = info.Main.Version, at
	if goos == "linux" {
		oci, err := image(strings.TrimPrefix(info.Main.Version, "v"), goarch, r.home, entries, at)
		if err == nil {
			err = r.publish(name+".oci.tar", oci)
		}
		if err != nil {
			return err
		}
		for _, format := range formats {
			name, data, err := packed(format, info.Main.Version, goarch, r.home, entries, at)
			if err == nil {
				err = r.publish(name, data)
			}
			if err != nil {
				return err
			}
		}
	}
	for i := range entries {
		entries[i].name = name + "/" + entries[i].name
	}
	if err := r.publish(name+".cdx.json", bill); err != nil {
		return err
	}
	pack, suffix := tarball, ".tar.gz"
	if goos == "windows" {
		pack, suffix = zipped, ".zip"
	}
	archive, err := pack(entries, at)
	if err != nil {
		return err
	}
	r.archives[name+suffix] = fmt.Sprintf("%x", sha256.Sum256(archive))
	return r.publish(name+suffix, archive)
}

// documentation is what the commands say of themselves, as manual pages, and
// what shells complete.
func (r *release) documentation(ctx context.Context, at time.Time) ([]entry, error) {
	dir, err := os.MkdirTemp("", "lictrail-manual-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "go", "run", "-trimpath", "./cmd/lictrail/internal/manual", "-dir", dir, "-date", at.Format(time.RFC3339))
	cmd.Dir = r.root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS=", "GOARCH=", "GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("write the manual pages: %w\n%s", err, out)
	}
	var entries []entry
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		entries = append(entries, entry{filepath.ToSlash(name), 0o644, text})
		return err
	})
	return entries, err
}

// build builds with settings that no variable of the builder's changes.
func (r *release) build(ctx context.Context, goos, goarch string) ([]byte, *debug.BuildInfo, error) {
	temp, err := os.MkdirTemp("", "lictrail-release-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(temp)
	file := filepath.Join(temp, "lictrail")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", file, "./cmd/lictrail")
	cmd.Dir = r.root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	if setting(info, "vcs.revision") == "" {
		return nil, nil, errors.New("the build knows no commit: build in a clone, with git at hand")
	}
	if setting(info, "vcs.modified") != "false" && !r.modified {
		return nil, nil, errors.New("there are changes that are not committed")
	}
	program, err := os.ReadFile(file)
	return program, info, err
}

// bill is the bill of materials of a program. That it has the SQLite that was
// asked for its version is looked up in it.
func (r *release) bill(program []byte, info *debug.BuildInfo, sources []sbom.Source, goos string, at time.Time) ([]byte, error) {
	if !bytes.Contains(program, []byte(r.source)) {
		return nil, fmt.Errorf("the program has another SQLite than %s (%s)", r.sqlite, r.source)
	}
	sum := sha256.Sum256(program)
	facts := sbom.Facts{At: at, SHA256: hex.EncodeToString(sum[:]), SQLite: r.sqlite, Source: r.source, License: license}
	if err := facts.Gather(sources, goos); err != nil {
		return nil, err
	}
	b, err := sbom.New(info, facts)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = b.Write(&text)
	return text.Bytes(), err
}

func licenseTexts(sources []sbom.Source) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("lictrail contains the work of others, under these licenses.\n\n")
	for _, s := range sources {
		text, err := s.Texts()
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	return b.Bytes(), nil
}

// publish writes a file and notes its sum.
func (r *release) publish(name string, data []byte) error {
	sum := sha256.Sum256(data)
	r.sums = append(r.sums, fmt.Sprintf("%x  %s\n", sum, name))
	fmt.Printf("%s  %d bytes\n", name, len(data))
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// commitTime is the time that archives bear: that of the commit, or
// SOURCE_DATE_EPOCH where somebody packs for a distribution.
func commitTime(info *debug.BuildInfo) (time.Time, error) {
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	return time.Parse(time.RFC3339, setting(info, "vcs.time"))
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
