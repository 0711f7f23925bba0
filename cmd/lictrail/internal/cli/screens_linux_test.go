package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sys "golang.org/x/sys/unix"
	"golang.org/x/term"

	"lictrail/internal/golden"
)

// TestScreens holds what a terminal of 80 and of 120 columns shows of the widest
// tables: no line is wider, and no person and no SKU is cut.
func TestScreens(t *testing.T) {
	dir := t.TempDir()
	demoOutput(t, dir)
	for width, env := range map[int]string{80: "80", 120: "120"} {
		var all strings.Builder
		for _, command := range []string{
			"changes --last 12", "assignments --user-type guest", "assignments --overlapping", "assignments --sku copilot --limit 3",
			"groups --users", "reclaim --limit 3", "reclaim --by department", "actors", "find copilot", "skus", "who changed rosa.diaz", "history dan.ortiz",
		} {
			text := onScreen(t, dir, map[string]string{"COLUMNS": env, "NO_COLOR": "1"}, strings.Fields(command)...)
			for line := range strings.Lines(text) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
					t.Errorf("lictrail %s takes %d columns of %d: %s", command, n, width, line)
				}
			}
			all.WriteString("$ lictrail " + command + "\n" + text + "\n")
		}
		golden.File(t, filepath.Join("testdata", "screen"+env+".golden"), all.String())
	}
}

// TestColors: a terminal shows causes, states and heads in their styles, unless
// NO_COLOR says otherwise, and never how a style is written.
func TestColors(t *testing.T) {
	dir := t.TempDir()
	demoOutput(t, dir)
	const bold, yellow, red = "\x1b[1m", "\x1b[33m", "\x1b[31m"
	for command, styles := range map[string][]string{
		"changes --last 5":           {bold, yellow},
		"groups --users":             {bold, red},
		"runs":                       {bold},
		"assignments --limit 3":      {bold},
		"who removed jon.bell":       {yellow},
		"reclaim --limit 3":          {bold},
		"skus":                       {bold},
		"audit search --limit 2":     {bold},
		"seat-days --month 2026-03":  {bold},
		"what-if --delete quinn":     {bold},
		"history jon.bell":           {yellow},
		"report --format text":       {bold},
		"watch":                      {bold},
		"audit coverage":             {bold},
		"seats first-use --sku copi": {bold},
	} {
		colored := onScreen(t, dir, map[string]string{"COLUMNS": "100", "TERM": "xterm"}, strings.Fields(command)...)
		for _, style := range styles {
			if !strings.Contains(colored, style) {
				t.Errorf("lictrail %s has nothing in %q:\n%.400q", command, style, colored)
			}
		}
		if strings.Contains(colored, `\x1b`) {
			t.Errorf("lictrail %s shows how a style is written:\n%.400q", command, colored)
		}
		if plain := onScreen(t, dir, map[string]string{"COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"}, strings.Fields(command)...); strings.Contains(plain, "\x1b") {
			t.Errorf("lictrail %s has styles though NO_COLOR is set:\n%.400q", command, plain)
		}
	}
}

// onScreen is what a terminal of a width shows of an answer.
func onScreen(t *testing.T, dir string, env map[string]string, args ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|sys.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(sys.IoctlSetPointerInt(int(master.Fd()), sys.TIOCSPTLCK, 0))
	number, err := sys.IoctlGetInt(int(master.Fd()), sys.TIOCGPTN)
	must(err)
	screen, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|sys.O_NOCTTY, 0)
	must(err)
	_, err = term.MakeRaw(int(screen.Fd())) // what is printed arrives as it is
	must(err)
	seen := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		io.Copy(&b, master) // ends with EIO when the other end is closed
		seen <- b.String()
	}()
	var stderr bytes.Buffer
	env["HOME"] = dir
	args = append(args, "--db", filepath.Join(dir, "lictrail-demo.db"))
	code := Run(args, strings.NewReader(""), screen, &stderr, func(name string) string { return env[name] })
	screen.Close()
	text := <-seen
	if code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, stderr.String())
	}
	return text
}
