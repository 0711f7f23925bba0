package out

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Pager chooses the program through which text goes that may be longer than the
// screen, as git and gh do; nil for none. A terminal is needed to read from, too.
func (s *Streams) Pager(getenv func(string) string) []string {
	if !s.OutTTY || !s.InTTY || getenv("TERM") == "dumb" {
		return nil
	}
	command := getenv("LICTRAIL_PAGER")
	if command == "" {
		command = getenv("PAGER")
	}
	if command == "" {
		command = "less"
	}
	words := strings.Fields(command)
	if words[0] == "cat" {
		return nil
	}
	return words
}

// StartPager sends the output through a pager until stop, which waits for the pager to
// end. If the pager cannot be started, the output goes to the terminal. stop takes the
// error of printing, and drops it if its cause is that the reader closed the pager early.
func (s *Streams) StartPager(command []string, getenv func(string) string) (stop func(error) error) {
	none := func(err error) error { return err }
	if len(command) == 0 {
		return none
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = s.raw, os.Stderr
	cmd.Env = os.Environ()
	if getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=FRX") // leave when it fits the screen, with colors
	}
	pipe, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return none
	}
	before := s.Out
	s.Out = gated(pipe, true)
	return func(err error) error {
		s.Out = before
		closed := pipe.Close()
		_ = cmd.Wait() // how a pager ends says nothing about what it showed
		if isClosed(err) {
			err = nil
		}
		if isClosed(closed) {
			closed = nil
		}
		return errors.Join(err, closed)
	}
}

// isClosed reports whether the reader of a pipe has gone.
func isClosed(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed)
}
