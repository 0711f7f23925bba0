package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/near"
)

// Dialog asks a person on a terminal.
type Dialog struct {
	In  io.Reader
	Out io.Writer

	// Secret reads a line that does not show; nil means as any other line.
	Secret func() (string, error)

	lines *bufio.Reader
}

// ErrEnded says that the answers ended before the questions did.
var ErrEnded = errors.New("the set-up ended without an answer")

// Say prints lines.
func (d *Dialog) Say(format string, args ...any) {
	fmt.Fprintf(d.Out, format+"\n", args...)
}

// Show prints what would be run or written, apart from the text around it.
func (d *Dialog) Show(text string) {
	d.Say("")
	for line := range strings.Lines(text) {
		d.Say("    %s", strings.TrimRight(line, "\r\n"))
	}
	d.Say("")
}

// line reads one line. Whoever interrupts does not have to press Enter first.
func (d *Dialog) line(ctx context.Context) (string, error) {
	if d.lines == nil {
		d.lines = bufio.NewReader(d.In)
	}
	type read struct {
		text string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := d.lines.ReadString('\n')
		done <- read{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		if r.err != nil && r.text == "" {
			return "", ErrEnded
		}
		return r.text, nil
	}
}

// Ask asks for a line, until it is one that check takes. Without an answer it is
// the default.
func (d *Dialog) Ask(ctx context.Context, question, byDefault string, check func(string) error) (string, error) {
	for {
		if byDefault != "" {
			fmt.Fprintf(d.Out, "%s [%s]: ", question, byDefault)
		} else {
			fmt.Fprintf(d.Out, "%s: ", question)
		}
		answer, err := d.line(ctx)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = byDefault
		}
		if check != nil {
			err = check(answer)
		}
		if err == nil {
			return answer, nil
		}
		d.Say("  %v", err)
	}
}

// Choose asks for one of some words.
func (d *Dialog) Choose(ctx context.Context, question string, words []string, byDefault string) (string, error) {
	answer, err := d.Ask(ctx, question+": "+strings.Join(words, ", "), byDefault, func(s string) error {
		switch near := near.Word(s, words); {
		case slices.Contains(words, strings.ToLower(s)):
			return nil
		case near != "":
			return fmt.Errorf("%q is none of these; did you mean %s?", s, near)
		}
		return fmt.Errorf("%q is none of these", s)
	})
	return strings.ToLower(answer), err
}

// Yes asks whether to do something.
func (d *Dialog) Yes(ctx context.Context, question string, byDefault bool) (bool, error) {
	word := "no"
	if byDefault {
		word = "yes"
	}
	answer, err := d.Ask(ctx, question+" yes or no", word, func(s string) error {
		if !slices.Contains([]string{"yes", "y", "no", "n"}, strings.ToLower(s)) {
			return errors.New("type yes or no")
		}
		return nil
	})
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// AskSecret asks for a line that does not show.
func (d *Dialog) AskSecret(ctx context.Context, question string) (string, error) {
	fmt.Fprintf(d.Out, "%s: ", question)
	if d.Secret == nil {
		return d.line(ctx)
	}
	text, err := d.Secret()
	d.Say("")
	return strings.TrimSpace(text), err
}
