package sbom

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"lictrail/internal/golden"
)

func aBinary() (*debug.BuildInfo, Facts) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "lictrail", Version: "v1.2.3+dirty"},
		Deps: []*debug.Module{
			{Path: "modernc.org/sqlite", Version: "v1.61.1", Sum: "h1:abc="},
			{Path: "modernc.org/libc", Version: "v1.79.0"},
			{Path: "example.com/Old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/New", Version: "v1.0.1"}},
		},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}}}
	return info, Facts{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), SHA256: strings.Repeat("0123456789abcdef", 4), SQLite: "3.54.1", Source: "2026-10-01 abc",
		Musl: "7ada6dde", License: "MIT", Licenses: map[string]string{"modernc.org/sqlite": "BSD-3-Clause", "modernc.org/libc": "BSD-3-Clause", "example.com/New": "MIT"}}
}

func TestGolden(t *testing.T) {
	bill, err := New(aBinary())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bill.Write(&b); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/bill.cdx.json", b.String())
}

// TestRefuses: a bill that would leave something out is not written.
func TestRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*debug.BuildInfo, *Facts){
		"the license of example.com/New is not known": func(_ *debug.BuildInfo, f *Facts) { delete(f.Licenses, "example.com/New") },
		"modernc.org/sqlite is not in the binary":     func(i *debug.BuildInfo, _ *Facts) { i.Deps = i.Deps[1:] },
		"no version of Go":                            func(i *debug.BuildInfo, _ *Facts) { i.GoVersion = "" },
	} {
		info, facts := aBinary()
		spoil(info, &facts)
		if _, err := New(info, facts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestIdentify(t *testing.T) {
	for want, text := range map[string]string{
		"Apache-2.0":   "  Apache License\n   Version 2.0, January 2004",
		"MIT":          "Copyright (c) X\n\nPermission is hereby granted, free of\ncharge, to any person",
		"BSD-3-Clause": "Redistribution and use in source and binary\nforms, with or without ... Neither the name of X nor",
		"BSD-2-Clause": "Redistribution and use in source and binary forms, with or without",
		"":             "All rights reserved.",
	} {
		if got := identify(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
