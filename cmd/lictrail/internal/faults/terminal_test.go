//go:build linux

package faults

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/graph/graphtest"
)

// terminal is a pseudo-terminal, and all that was printed on it.
type terminal struct {
	screen *os.File // the end that a program prints to
	seen   bytes.Buffer
	read   chan error
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	fd := int(master.Fd())
	must(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(err)
	x := &terminal{read: make(chan error, 1)}
	x.screen, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	_, err = term.MakeRaw(int(x.screen.Fd())) // what is printed arrives as it is
	must(err)
	go func() {
		_, err := io.Copy(&x.seen, master) // ends with EIO when the other end is closed
		x.read <- err
		master.Close()
	}()
	return x
}

// text closes the terminal and returns what was printed.
func (x *terminal) text() string {
	x.screen.Close()
	<-x.read
	return x.seen.String()
}

// onTerminal runs a command line in this process with a terminal for both outputs.
func onTerminal(t *testing.T, env map[string]string, args ...string) (code int, text string) {
	t.Helper()
	x := newTerminal(t)
	code = cli.Run(args, strings.NewReader(""), x.screen, x.screen, func(name string) string { return env[name] })
	return code, x.text()
}

// looks are what the program itself sends to a terminal.
var looks = strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\r\x1b[K", "", "\r\n", "\n")

// raw finds the first thing that a terminal would obey; "" if there is none.
func raw(text string) string {
	for i, x := range text {
		if x != '\n' && (unicode.IsControl(x) || unicode.Is(unicode.Bidi_Control, x)) {
			return text[max(0, i-40):min(len(text), i+40)]
		}
	}
	return ""
}

// TestP7_Terminal looks for what a terminal would obey in all that is printed: by
// every command in every format, for one tenant and for a fleet, on a terminal
// and, but for CSV, which is for programs, elsewhere.
func TestP7_Terminal(t *testing.T) {
	w, dir := evilWorld(t)
	token := map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken}
	plainly := map[string]string{"LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken, "NO_COLOR": "1"}
	found, printed, commands := 0, 0, 0
	look := func(what any, text string) {
		t.Helper()
		printed += len(text)
		if bad := raw(text); bad != "" {
			found++
			t.Errorf("%.200q prints %q", what, bad)
		}
	}
	both := func(csv bool, args ...string) {
		t.Helper()
		commands++
		_, text := onTerminal(t, token, args...)
		look(args, looks.Replace(text))
		if r := commandWith(token, args...); csv {
			look(args, r.stderr)
		} else {
			look(args, r.stdout+r.stderr)
		}
	}
	_, text := onTerminal(t, plainly, "assignments", "--db", dbIn(dir), "--format", "csv")
	look("without color", strings.ReplaceAll(text, "\r\n", "\n"))

	second := w.copyOf(t, dir)
	config := filepath.Join(t.TempDir(), "fleet.toml")
	must(os.WriteFile(config, fmt.Appendf(nil, "graph-endpoint = %q\nauth = \"token\"\n[[tenant]]\nname = \"one\"\ndb = %q\n[[tenant]]\nname = \"two\"\ndb = %q\n",
		w.base, dbIn(dir), dbIn(second)), 0o600))
	t.Setenv(asProgram, "1") // what a fleet starts is this binary
	t.Setenv("LICTRAIL_ACCESS_TOKEN", graphtest.DefaultToken)
	user := w.tenant.UserIDs()[3]
	fleets := 0
	for _, i := range invocations(t, user, filepath.Join(dir, "none\x1b[2J")) {
		if slices.Contains([]string{"demo", "forget", "prune"}, i.name()) || i.cmd.Hidden {
			continue
		}
		for _, format := range []string{"text", "json", "csv"} {
			args := append(slices.Clone(i.args), "--format", format)
			if i.name() == "backup" {
				args[i.file] = filepath.Join(t.TempDir(), "copy\x1b[2J")
			}
			one := append(slices.Clone(args), "--db", dbIn(w.copyOf(t, dir)))
			if i.name() == "sync" {
				one = append(one, "--auth", "token", "--graph-endpoint", w.base)
			}
			both(format == "csv", one...)
			if i.has("all-tenants") {
				fleets++
				both(format == "csv", append(slices.Clone(args), "--all-tenants", "--config", config)...)
			}
			if i.name() == "sync" {
				fleets++
				both(format == "csv", append(slices.Clone(args), "--config", config)...)
				both(format == "csv", append(slices.Clone(args), "--config", config, "--log-format", "json")...)
			}
		}
	}
	if fleets < 30 {
		t.Errorf("%d questions to a fleet: it proves little", fleets)
	}
	for _, name := range evil { // and in arguments, files and servers that answer so
		if strings.Contains(name, "\x00") {
			continue
		}
		for _, args := range [][]string{{"history", name, "--db", dbIn(dir)}, {name}, {"--" + name}, {"help", name}, {"assignments", "--sku", name, "--db", dbIn(dir)},
			{"assignments", "--db", filepath.Join(dir, name)}, {"changes", "--since", name, "--db", dbIn(dir)}, {"__complete", "assignments", "--user", name}} {
			both(false, args...)
		}
	}
	for _, e := range endpoints {
		w.server.Inject(graphtest.Fault{Endpoint: e, Kind: graphtest.FaultHostileName, Times: graphtest.Forever})
	}
	both(false, w.syncArgs(dir)...)
	publish(t, "P7", "escape sequences, controls and bidi marks in names, arguments and answers: every command in every format, for one tenant and for a fleet, on a terminal and elsewhere",
		"0 printed raw", "%d command lines, %d bytes printed: %d raw", commands, printed, found)
}
