package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestReport reads the streams in testdata: what must run, what go test said, what
// is shown of it, and the error, if there is one.
func TestReport(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = string(f.Data)
			}
			must, err := parse(part["tests.txt"])
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			message := ""
			if err := report(strings.NewReader(part["json"]), &out, must); err != nil {
				message = err.Error() + "\n"
			}
			if out.String() != part["shown"] || message != part["error"] {
				t.Errorf("shown:\n%s\nerror:\n%s", out.String(), message)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, wrong := range []string{"", "# nothing", "diff", "diff TestA strace", "diff TestA may strace", "diff TestA\ndiff TestA"} {
		if list, err := parse(wrong); err == nil {
			t.Errorf("%q: %v", wrong, list)
		}
	}
}

// TestListed: the list is readable, and each test in it is in the source. That it
// runs only the whole run can show.
func TestListed(t *testing.T) {
	must, err := parse(listed)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range must {
		files, err := filepath.Glob(filepath.Join("../..", m.id.pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || regexp.MustCompile(`(?m)^func `+regexp.QuoteMeta(m.id.test)+`\(`).Match(text)
		}
		if !found {
			t.Errorf("%s is not in the source", m.id)
		}
	}
}

// TestListed_Complete: whoever adds a test that is named by an id lists it, and
// says there if it runs only in the long form.
func TestListed_Complete(t *testing.T) {
	must, err := parse(listed)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[name]string{}
	inList := map[name]bool{}
	for _, m := range must {
		inList[m.id], needs[m.id] = true, m.needs
	}
	named := regexp.MustCompile(`(?m)^func (Test[RGPCDF][0-9]+_\w+)\(t \*testing\.T\) \{\n(\tonlyHeavy\(t\))?`)
	err = filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel("../..", filepath.Dir(path))
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			n := name{filepath.ToSlash(pkg), m[1]}
			if onlyLong := m[2] != ""; !inList[n] || onlyLong != (needs[n] == longForm) {
				t.Errorf("%s: in tests.txt %t, needs %q; only in the long form %t", n, inList[n], needs[n], onlyLong)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// longForm is what tests need that are left to the long form of package faults.
const longForm = "-tags faults"
