package out

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// terminal returns streams that believe to be on a terminal, and what is
// printed on them.
func terminal(width int) (s *Streams, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	return &Streams{Out: out, Err: err, OutTTY: true, ErrTTY: true, Width: width}, out, err
}

// pipe returns streams that lead to files.
func pipe() (s *Streams, out, err *bytes.Buffer) {
	s, out, err = terminal(defaultWidth)
	s.OutTTY, s.ErrTTY = false, false
	return s, out, err
}

func TestNewStreams(t *testing.T) {
	in, outW, errW := strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)
	type probed struct {
		tty   bool
		width int
	}
	for _, tc := range []struct {
		name        string
		env         map[string]string
		out, err    probed
		width       int
		color, errC bool
	}{
		{"files", nil, probed{}, probed{}, 80, false, false},
		{"terminal", nil, probed{true, 132}, probed{true, 132}, 132, true, true},
		{"terminal of unknown width", nil, probed{true, 0}, probed{true, 0}, 80, true, true},
		{"stdout to a file", nil, probed{}, probed{true, 100}, 100, false, true},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, probed{true, 80}, probed{true, 80}, 80, false, false},
		{"NO_COLOR empty", map[string]string{"NO_COLOR": ""}, probed{true, 80}, probed{true, 80}, 80, true, true},
		{"TERM=dumb", map[string]string{"TERM": "dumb"}, probed{true, 80}, probed{true, 80}, 80, false, false},
		{"COLUMNS wins", map[string]string{"COLUMNS": "60"}, probed{true, 132}, probed{}, 60, true, false},
		{"COLUMNS nonsense", map[string]string{"COLUMNS": "-3"}, probed{true, 132}, probed{}, 132, true, false},
		{"COLUMNS too large", map[string]string{"COLUMNS": "99999999"}, probed{}, probed{}, 80, false, false},
		{"stdout wins over stderr", nil, probed{true, 100}, probed{true, 50}, 100, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			probe := func(stream any) (bool, int) {
				switch stream {
				case any(outW):
					return tc.out.tty, tc.out.width
				case any(errW):
					return tc.err.tty, tc.err.width
				}
				return true, 10
			}
			s := newStreams(in, outW, errW, func(k string) string { return tc.env[k] }, probe)
			if s.Width != tc.width || s.Color != tc.color || s.ErrColor != tc.errC {
				t.Errorf("width %d, color %v, %v; want %d, %v, %v", s.Width, s.Color, s.ErrColor, tc.width, tc.color, tc.errC)
			}
			if s.OutTTY != tc.out.tty || s.ErrTTY != tc.err.tty || !s.InTTY {
				t.Errorf("terminals: %v %v %v", s.InTTY, s.OutTTY, s.ErrTTY)
			}
		})
	}
}

func TestProbeTerminal(t *testing.T) {
	for name, stream := range map[string]any{"buffer": new(bytes.Buffer), "nothing": nil, "no file": (*os.File)(nil)} {
		if tty, _ := probeTerminal(stream); tty {
			t.Errorf("%s is taken for a terminal", name)
		}
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if tty, _ := probeTerminal(file); tty {
		t.Error("a file is taken for a terminal")
	}
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminal here:", err)
	}
	defer pty.Close()
	if tty, _ := probeTerminal(pty); !tty {
		t.Error("a terminal is not recognized")
	}
}

func TestNewStreams_Real(t *testing.T) {
	s := NewStreams(os.Stdin, io.Discard, io.Discard, os.Getenv)
	if s.OutTTY || s.ErrTTY || s.Color {
		t.Error("io.Discard is taken for a terminal")
	}
}

type stringer struct{}

func (stringer) String() string { return "str\x1b" }

func TestPrintf(t *testing.T) {
	s, out, _ := pipe()
	err := s.Printf("%s %d %v %v %v %5.1f %s\n", "a\x1bb", -3, errors.New("e\rr"), stringer{}, []string{"l\x07"}, 1.25, Bold)
	if want := `a\x1bb -3 e\rr str\x1b [l\x07]   1.2 1` + "\n"; err != nil || out.String() != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestNotes(t *testing.T) {
	s, out, errOut := pipe()
	s.Notef("read %q of %d", "x\x1b", 3)
	s.Warnf("clock is off by %s", 6*time.Minute)
	s.Quiet = true
	s.Notef("not seen")
	s.Warnf("seen")
	want := `lictrail: read "x\\x1b" of 3` + "\nlictrail: warning: clock is off by 6m0s\nlictrail: warning: seen\n"
	if errOut.String() != want || out.Len() != 0 {
		t.Errorf("stderr %q, want %q; stdout %q", errOut, want, out)
	}
}

func TestPaint(t *testing.T) {
	if got := paint("x", Red, true); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
	if got := paint("x", Red, false) + paint("x", Plain, true) + paint("", Red, true); got != "xx" {
		t.Errorf("color where there must be none: %q", got)
	}
}
