package out

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestPager(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outTTY, inTTY bool
		env           map[string]string
		want          []string
	}{
		{true, true, nil, []string{"less"}},
		{true, true, map[string]string{"PAGER": "more -d"}, []string{"more", "-d"}},
		{true, true, map[string]string{"PAGER": "more", "LICTRAIL_PAGER": "most"}, []string{"most"}},
		{true, true, map[string]string{"PAGER": "more", "LICTRAIL_PAGER": "cat"}, nil},
		{true, true, map[string]string{"TERM": "dumb"}, nil},
		{false, true, nil, nil},
		{true, false, nil, nil},
	} {
		s := &Streams{OutTTY: test.outTTY, InTTY: test.inTTY}
		if got := s.Pager(func(name string) string { return test.env[name] }); !slices.Equal(got, test.want) {
			t.Errorf("%+v: pager %v, want %v", test, got, test.want)
		}
	}
}

// What is printed goes through the pager and is safe there, too; a pager that is left
// early is no failure, and one that is not there is done without.
func TestStartPager(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	none := func(string) string { return "" }
	path := filepath.Join(t.TempDir(), "screen")
	screen, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	s := &Streams{Out: screen, raw: screen}
	stop := s.StartPager([]string{"sed", "s/^/> /"}, none)
	if err := stop(s.Printf("%s\n", "Ann\x1b[2J\u202e")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != `> Ann\x1b[2J\u202e`+"\n" || err != nil {
		t.Errorf("the screen shows %q, %v", got, err)
	}
	stop = s.StartPager([]string{"true"}, none)
	var failed error
	for i := 0; i < 100_000 && failed == nil; i++ {
		failed = s.Printf("%s\n", strings.Repeat("x", 100))
	}
	if failed == nil {
		t.Error("a pager that is gone took everything")
	}
	if err := stop(fmt.Errorf("write: %w", failed)); err != nil {
		t.Errorf("leaving a pager early fails: %v", err)
	}
	stop = s.StartPager([]string{"no-such-pager"}, none)
	if err := stop(s.Printf("plain\n")); err != nil {
		t.Error(err)
	}
}
