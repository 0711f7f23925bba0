package sbom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// Source is the source of a module, as the go command has it.
type Source struct {
	Path, Version, Dir string
}

// Sources finds the sources of a binary's modules. dir is where the go command
// finds go.mod; it downloads what is missing.
func Sources(ctx context.Context, dir string, info *debug.BuildInfo) ([]Source, error) {
	args := []string{"mod", "download", "-json"}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		args = append(args, m.Path+"@"+m.Version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("find the sources of the modules: %w", err)
	}
	var sources []Source
	for dec := json.NewDecoder(strings.NewReader(string(text))); ; {
		var s Source
		if err := dec.Decode(&s); err == io.EOF {
			return sources, nil
		} else if err != nil {
			return nil, fmt.Errorf("find the sources of the modules: %w", err)
		}
		sources = append(sources, s)
	}
}

var (
	licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)(\.(txt|md))?$`)
	noticeFile  = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([-._].*)?$`)
)

// License finds by its text which license a module is under, as SPDX has it.
func (s Source) License() (string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return "", fmt.Errorf("the license of %s: %w", s.Path, err)
	}
	for _, e := range entries {
		if !licenseFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("the license of %s: %w", s.Path, err)
		}
		if id := identify(string(text)); id != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("no license file of %s is one that is known", s.Path)
}

// identify knows licenses by a sentence that only they have.
func identify(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	has := func(sentence string) bool { return strings.Contains(text, sentence) }
	switch {
	case has("apache license version 2.0"):
		return "Apache-2.0"
	case has("mozilla public license version 2.0"), has("mozilla public license, version 2.0"):
		return "MPL-2.0"
	case has("redistribution and use in source and binary forms") && has("neither the name"):
		return "BSD-3-Clause"
	case has("redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	case has("permission is hereby granted, free of charge"):
		return "MIT"
	case has("permission to use, copy, modify, and/or distribute this software"), has("permission to use, copy, modify, and distribute this software"):
		return "ISC"
	}
	return ""
}

// Texts are all that a module says of licenses: most licenses want it to go with
// the program.
func (s Source) Texts() (string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		if !e.Type().IsRegular() || !noticeFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "==== %s %s: %s\n\n%s\n\n", s.Path, s.Version, e.Name(), strings.TrimSpace(string(text)))
	}
	return b.String(), nil
}

var muslCommit = regexp.MustCompile(`\bmusl-([0-9a-f]{40})\b`)

// Musl is the commit of musl that the libc for Linux was translated from, as its
// Makefile has it.
func Musl(sources []Source) (string, error) {
	i := slices.IndexFunc(sources, func(s Source) bool { return s.Path == libcModule })
	if i < 0 {
		return "", errors.New("there is no " + libcModule)
	}
	text, err := os.ReadFile(filepath.Join(sources[i].Dir, "Makefile"))
	if err != nil {
		return "", err
	}
	m := muslCommit.FindSubmatch(text)
	if m == nil {
		return "", errors.New("the Makefile of " + libcModule + " does not tell which musl it is made from")
	}
	return string(m[1]), nil
}

// Gather finds the facts about modules that the binary does not contain.
func (f *Facts) Gather(sources []Source, goos string) error {
	f.Licenses = map[string]string{}
	for _, s := range sources {
		id, err := s.License()
		if err != nil {
			return err
		}
		f.Licenses[s.Path] = id
	}
	if goos != "linux" {
		return nil
	}
	var err error
	f.Musl, err = Musl(sources)
	return err
}
