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
			"groups --users", "reclaim --limit 3", "actors", "find copilot", "skus",
		} {
			text := onScreen(t, dir, env, strings.Fields(command)...)
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

// onScreen is what a terminal of a width shows of an answer.
func onScreen(t *testing.T, dir, width string, args ...string) string {
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
	env := map[string]string{"HOME": dir, "COLUMNS": width, "NO_COLOR": "1"}
	args = append(args, "--db", filepath.Join(dir, "lictrail-demo.db"))
	code := Run(args, strings.NewReader(""), screen, &stderr, func(name string) string { return env[name] })
	screen.Close()
	text := <-seen
	if code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, stderr.String())
	}
	return text
}
