// Package out is how every command prints. Results go to stdout, everything
// else to stderr; text, tables, JSON, CSV, files, progress and errors each have
// one way of being written. A string that came from elsewhere must never reach
// a terminal with its control characters, nor a spreadsheet as a formula, and
// --output must never leave half a file behind.
package out

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Program is the name that messages on stderr begin with.
const Program = "lictrail"

// defaultWidth is taken where the terminal does not say how wide it is.
const defaultWidth = 80

// Streams is where a command reads and prints, and what may be printed there.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	InTTY    bool // a person may be asked
	OutTTY   bool
	ErrTTY   bool
	OutFile  bool // Out is a file that somebody may open
	Width    int  // columns of the terminal
	Color    bool // color is welcome on Out
	ErrColor bool // color is welcome on Err
	Quiet    bool // no notes and no progress

	raw  io.Writer    // where Out leads
	log  *slog.Logger // nil: stderr is for people
	mu   sync.Mutex   // guards Err and live
	live string       // the progress line now on the terminal
}

// NewStreams looks at what the three streams are connected to. It honors
// NO_COLOR, TERM=dumb and COLUMNS, which getenv (usually [os.Getenv]) returns.
func NewStreams(in io.Reader, out, err io.Writer, getenv func(string) string) *Streams {
	return newStreams(in, out, err, getenv, probeTerminal)
}

func newStreams(in io.Reader, out, err io.Writer, getenv func(string) string, probe func(any) (bool, int)) *Streams {
	s := &Streams{In: in, Out: out, Err: err, Width: defaultWidth}
	var outWidth, errWidth int
	s.InTTY, _ = probe(in)
	s.OutTTY, outWidth = probe(out)
	s.ErrTTY, errWidth = probe(err)
	for _, width := range []int{errWidth, outWidth, atoi(getenv("COLUMNS"))} {
		if width > 0 && width <= 10_000 {
			s.Width = width
		}
	}
	s.OutFile, s.raw = isFile(out), out
	s.Out, s.Err = gated(out, s.OutTTY), gated(err, s.ErrTTY)
	color := getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	s.Color, s.ErrColor = color && s.OutTTY, color && s.ErrTTY
	return s
}

// probeTerminal reports whether the stream is a terminal, and how wide it is; 0
// when that cannot be known.
func probeTerminal(stream any) (tty bool, width int) {
	f, ok := stream.(*os.File)
	if !ok || f == nil || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return true, 0
	}
	return true, width
}

// isFile reports whether the stream is an ordinary file.
func isFile(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// Printf prints to stdout. Strings, errors and other texts among the arguments
// are made safe; the format is the program's own.
func (s *Streams) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(s.Out, format, safeArgs(args)...)
	return err
}

// Line prints a line of prose to stdout, in a style where color is welcome. On a terminal
// that is narrower it is broken between words, and goes on indented.
func (s *Streams) Line(text string, style Style) error {
	text = Safe(text)
	prose := strings.TrimLeft(text, " ")
	indent := text[:len(text)-len(prose)]
	lines := []string{prose}
	if s.OutTTY && width(text) > s.Width && s.Width > 2*len(indent)+20 {
		lines = wrap(prose, s.Width-len(indent)-2)
	}
	for i, line := range lines {
		if i == 1 {
			indent += "  "
		}
		if err := writeOwn(s.Out, indent+paint(line, style, s.Color)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// Prose prints lines of prose; see [Streams.Line].
func (s *Streams) Prose(format string, args ...any) error {
	for line := range strings.Lines(fmt.Sprintf(format, safeArgs(args)...)) {
		if err := s.Line(strings.TrimSuffix(line, "\n"), Plain); err != nil {
			return err
		}
	}
	return nil
}

// Paragraph prints a text to stdout, broken into lines that fit everywhere.
func (s *Streams) Paragraph(text string) error {
	_, err := io.WriteString(s.Out, strings.Join(wrap(Safe(text), defaultWidth), "\n")+"\n")
	return err
}

// Notef prints a line on stderr that a quiet run leaves out.
func (s *Streams) Notef(format string, args ...any) {
	s.note(nil, format, args...)
}

// Warnf prints a warning on stderr, even on a quiet run.
func (s *Streams) Warnf(format string, args ...any) {
	if s.log != nil {
		s.log.Warn(fmt.Sprintf(format, safeArgs(args)...))
		return
	}
	prefix := Program + ": " + paint("warning:", Yellow, s.ErrColor) + " "
	s.errLine(prefix + fmt.Sprintf(format, safeArgs(args)...))
}

// Ask prints on stderr what a person must read to go on, even on a quiet run.
func (s *Streams) Ask(text string) {
	s.errLine(strings.Join(wrap(Program+": "+Safe(text), defaultWidth), "\n"))
}

// errLine prints a line above the progress line, if there is one. Nothing can be
// done about a stderr that does not take it.
func (s *Streams) errLine(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = writeOwn(s.Err, s.erase()+line+"\n"+s.live)
}

// erase returns what takes the progress line off the terminal.
func (s *Streams) erase() string {
	if s.live == "" {
		return ""
	}
	return eraseLine
}

// setLive replaces the progress line; "" takes it away.
func (s *Streams) setLive(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == s.live {
		return
	}
	_ = writeOwn(s.Err, s.erase()+line)
	s.live = line
}

func safeArgs(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = safeArg(arg)
	}
	return safe
}

// safeArg keeps numbers and the like for the format's verbs and turns all that
// can carry text into a safe string.
func safeArg(arg any) any {
	switch v := arg.(type) {
	case nil:
		return nil
	case string:
		return Safe(v)
	case error:
		return Safe(v.Error())
	case fmt.Stringer:
		return Safe(v.String())
	}
	switch kind := reflect.TypeOf(arg).Kind(); {
	case kind >= reflect.Bool && kind <= reflect.Complex128:
		return arg
	}
	return Safe(fmt.Sprint(arg))
}

// Style is a way to make text stand out.
type Style string

const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

func paint(text string, style Style, color bool) string {
	if !color || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
