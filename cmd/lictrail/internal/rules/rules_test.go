package rules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lictrail/snapshot/catalog"
	"lictrail/snapshot/reclaim"
)

// Without a file every rule holds, with the thresholds of the field, and nothing
// is excluded or priced.
func TestDefault(t *testing.T) {
	f := Default()
	if f.Days != reclaim.DefaultDays || len(f.Off)+len(f.SKUs)+len(f.Exclude)+len(f.Prices)+len(f.Watch) != 0 || len(f.Marks) == 0 {
		t.Errorf("%+v", f)
	}
	for _, rule := range reclaim.Rules {
		if !strings.Contains(string(Template), "\n"+string(rule)+" = true") {
			t.Errorf("the template does not have rule %s", rule)
		}
	}
}

// The examples of the template are right as well.
func TestTemplate_Examples(t *testing.T) {
	var lines []string
	for _, line := range strings.Split(string(Template), "\n") {
		example := strings.TrimPrefix(line, "# ")
		if strings.HasPrefix(line, "# [") || strings.HasPrefix(line, "# ") && strings.Contains(example, " = ") && !strings.Contains(example, ";") && !strings.Contains(example, ". ") {
			line = example
		}
		lines = append(lines, line)
	}
	f, err := Parse("examples", []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.SKUs) != 1 || len(f.Exclude) != 2 || len(f.Prices) != 9 || len(f.Watch) != 2 {
		t.Errorf("%d SKUs, %d exclusions, %d prices, %d plans", len(f.SKUs), len(f.Exclude), len(f.Prices), len(f.Watch))
	}
}

// TestErrors reads the files of testdata/errors.txtar: each is wrong in one way,
// and its first line has the expected message.
// The commented list prices are prices of products that there are.
func TestTemplate_ListPrices(t *testing.T) {
	_, block, found := strings.Cut(string(Template), "# To start from, Microsoft's list prices")
	block, _, ends := strings.Cut(block, "\n\n")
	if !found || !ends {
		t.Fatal("the template has no list prices")
	}
	_, block, _ = strings.Cut(block, "# [[price]]")
	f, err := Parse("list", []byte(strings.ReplaceAll("\n# [[price]]"+block, "\n#", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Prices) < 8 {
		t.Errorf("%d prices", len(f.Prices))
	}
	for _, p := range f.Prices {
		if _, err := catalog.Builtin().FindSKU(p.SKU); err != nil {
			t.Errorf("%s: %v", p.SKU, err)
		}
		if p.Month.Currency != "USD" || p.Month.Micros < 1e6 || p.From.Time().Year() != 2026 {
			t.Errorf("%+v", p)
		}
	}
}

func TestErrors(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "errors.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			first, rest, _ := strings.Cut(string(file.Data), "\n")
			want := strings.TrimPrefix(first, "# ")
			_, err := Parse("rules.toml", []byte("\n"+rest))
			e := (*Error)(nil)
			if !errors.As(err, &e) {
				t.Fatalf("no error; want %s", want)
			}
			if got := fmt.Sprintf("%v (%s)", e, e.Hint); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// FuzzParse: a file is read, or refused with an Error; never both, never a panic.
func FuzzParse(f *testing.F) {
	f.Add(string(Template))
	if data, err := os.ReadFile(filepath.Join("testdata", "errors.txtar")); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("rules.toml", []byte(text))
		if e := (*Error)(nil); err != nil && !errors.As(err, &e) || (file == nil) == (err == nil) {
			t.Fatalf("%v, %v", file, err)
		}
	})
}
