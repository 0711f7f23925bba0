package out

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Error is an error as it is shown to the user: what went wrong, what to do about it, and
// the exit code.
type Error struct {
	Code    int    // the exit code; 0 counts as 1
	Message string // "" takes the message of Err
	Hint    string // what to try, a command or a sentence; "" for none
	Choices []Choice
	Err     error // the cause
}

// Choice is one of several things that a name in the command line may mean.
type Choice struct {
	Title string `json:"title"`
	ID    string `json:"id"`
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail prints the error on stderr, as text or as one line of JSON, and returns
// the exit code. Code and hint are those of the [Error] within err, if any. A
// nil error prints nothing and returns 0.
func (s *Streams) Fail(err error, asJSON bool) (code int) {
	if err == nil {
		return 0
	}
	shown := Error{Code: 1}
	var known *Error
	if errors.As(err, &known) {
		shown.Code, shown.Hint, shown.Choices = max(known.Code, 1), known.Hint, known.Choices
	}
	shown.Message = err.Error()
	s.setLive("")
	if s.log != nil {
		s.failLog(shown, asJSON)
	} else if asJSON {
		s.failJSON(shown)
	} else {
		s.failText(shown)
	}
	return shown.Code
}

func (s *Streams) failText(e Error) {
	s.errLine(paint(Program+":", Red, s.ErrColor) + " " + Safe(e.Message))
	for _, c := range e.Choices {
		s.errLine("  " + Safe(c.ID) + gap + Safe(c.Title))
	}
	if e.Hint != "" {
		s.errLine(paint("Try:", Bold, s.ErrColor) + " " + Safe(e.Hint))
	}
}

func (s *Streams) failJSON(e Error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(struct {
		Schema int        `json:"schema"`
		Error  *ErrorJSON `json:"error"`
	}{Schema, NewErrorJSON(e)}) // numbers and strings always encode
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Err.Write(escapeJSON(b.Bytes()))
}
