package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// maxMethods is how many methods a type of the rooms may have: one with more
	// knows too much, and is to be split.
	maxMethods = 40
	// maxCommandLines bounds package cli, which turns flags into questions and prints
	// answers: rules and columns that grow there belong in ask and show.
	maxCommandLines = 6000
)

// sources parses the files of a room that are no tests.
func sources(t *testing.T, room string) (files []*ast.File, lines int) {
	t.Helper()
	dir := filepath.Join("internal", room)
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files, lines = append(files, file), lines+strings.Count(string(text), "\n")
	}
	if len(files) == 0 {
		t.Fatalf("there is no file in %s; this test proves nothing", dir)
	}
	return files, lines
}

// receiver is the name of the type that a function is a method of; "" for none.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	name := ""
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

func TestMethods(t *testing.T) {
	for _, room := range []string{"ask", "show", "cli", "track"} {
		files, lines := sources(t, room)
		methods := map[string]int{}
		for _, file := range files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
					methods[receiver(f)]++
				}
			}
		}
		most := ""
		for name, n := range methods {
			if n > maxMethods {
				t.Errorf("%s.%s has %d methods, more than %d", room, name, n, maxMethods)
			}
			if most == "" || n > methods[most] {
				most = name
			}
		}
		t.Logf("%s: %d lines; the type with the most methods is %s with %d", room, lines, most, methods[most])
	}
}

func TestCommandLines(t *testing.T) {
	if _, lines := sources(t, "cli"); lines > maxCommandLines {
		t.Errorf("package cli has %d lines, more than %d: move rules to ask, and what prints to show", lines, maxCommandLines)
	}
}
