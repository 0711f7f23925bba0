package out

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// gate filters everything that is written to a terminal. Text that a caller did not make
// safe is made safe here, as [Safe] does, except for line ends. A tab becomes spaces.
type gate struct {
	mu   sync.Mutex
	w    io.Writer
	rest []byte // the beginning of a character, or of an end of line, that was cut
}

// styles are the escape sequences that this package itself sends to a terminal: colors,
// and those that erase the progress line. They pass only as part of our own text.
var styles = []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", eraseLine}

const (
	eraseLine = "\r\x1b[K"
	tabWidth  = 4
)

// gated guards a stream that leads to a terminal.
func gated(w io.Writer, tty bool) io.Writer {
	if !tty {
		return w
	}
	return &gate{w: w}
}

// Write implements [io.Writer].
func (g *gate) Write(p []byte) (int, error) {
	if err := g.write(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// writeOwn writes text of this package's own, which may have styles in it. All
// that came from elsewhere in it must be safe already.
func writeOwn(w io.Writer, text string) error {
	switch w := w.(type) {
	case *gate:
		return w.write([]byte(text), true)
	case *Begun:
		w.Yes = w.Yes || text != ""
		return writeOwn(w.Writer, text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Begun notes whether anything was written. What leads to a terminal through it has its
// styles.
type Begun struct {
	io.Writer
	Yes bool
}

// Write implements [io.Writer].
func (b *Begun) Write(p []byte) (int, error) {
	b.Yes = b.Yes || len(p) > 0
	return b.Writer.Write(p)
}

func (g *gate) write(p []byte, own bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := append(g.rest, p...)
	var clean bytes.Buffer
	i := 0
	for i < len(text) {
		size := g.writePrefix(&clean, text[i:], own)
		if size == 0 {
			break // it goes on in the next write
		}
		i += size
	}
	g.rest = slices.Clone(text[i:])
	_, err := g.w.Write(clean.Bytes())
	return err
}

// writePrefix writes what the text begins with, and returns how much of it that was; 0
// when more must be known.
func (g *gate) writePrefix(to *bytes.Buffer, text []byte, own bool) int {
	if own {
		for _, style := range styles {
			if bytes.HasPrefix(text, []byte(style)) {
				to.WriteString(style)
				return len(style)
			}
		}
	}
	r, size := utf8.DecodeRune(text)
	switch {
	case !utf8.FullRune(text), r == '\r' && len(text) == 1:
		return 0
	case r == '\n':
		to.WriteByte('\n')
	case r == '\r' && text[1] == '\n':
		to.WriteString("\r\n")
		return 2
	case r == '\t':
		to.WriteString(strings.Repeat(" ", tabWidth))
	default:
		to.WriteString(Safe(string(text[:size])))
	}
	return size
}
