package out

import (
	"fmt"
	"log/slog"
	"time"
)

// LogJSON makes every note, warning, milestone and error a line of JSON on
// stderr from now on, with the time, a level, a message and these attributes.
// There is no live line then, and no color.
func (s *Streams) LogJSON(attrs ...any) {
	s.ErrTTY, s.ErrColor = false, false
	s.log = slog.New(slog.NewJSONHandler(writerFunc(s.writeErr), &slog.HandlerOptions{
		Level:       slog.LevelInfo,
		ReplaceAttr: inUTC,
	})).With(attrs...)
}

func inUTC(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC().Truncate(time.Millisecond))
	}
	return a
}

func (s *Streams) writeErr(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.Err.Write(escapeJSON(line))
	return len(line), err
}

// Record writes a line that is of use to programs only: it is written where stderr is
// JSON, and nowhere else.
func (s *Streams) Record(message string, attrs ...any) {
	if s.log != nil && !s.Quiet {
		s.log.Info(message, attrs...)
	}
}

// note is Notef with attributes for a log.
func (s *Streams) note(attrs []any, format string, args ...any) {
	message := fmt.Sprintf(format, safeArgs(args)...)
	switch {
	case s.Quiet:
	case s.log != nil:
		s.log.Info(message, attrs...)
	default:
		s.errLine(Program + ": " + message)
	}
}

// failLog writes an error to a log. With asJSON the line is what a program
// expects that asked for results in JSON as well.
func (s *Streams) failLog(e Error, asJSON bool) {
	attrs := []any{"code", e.Code}
	if e.Hint != "" {
		attrs = append(attrs, "hint", e.Hint)
	}
	if asJSON {
		attrs = append(attrs, "schema", Schema, "error", NewErrorJSON(e))
	}
	s.log.Error(e.Message, attrs...)
}

// ErrorJSON is an error as JSON has it.
type ErrorJSON struct {
	Code    int      `json:"code"`
	Message string   `json:"message"`
	Hint    *string  `json:"hint"`
	Choices []Choice `json:"choices,omitempty"` // what a word means that means several things
}

// NewErrorJSON returns an error in its JSON form.
func NewErrorJSON(e Error) *ErrorJSON {
	return &ErrorJSON{e.Code, e.Message, orNull(e.Hint), e.Choices}
}

// Relay writes a line of another's log, one that a quiet run leaves out or not.
func (s *Streams) Relay(line []byte, note bool) {
	if note && s.Quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Err.Write(append(escapeJSON(line), '\n')) // a stderr that does not take it cannot be helped
}

// Audit logs an access to data about a person, even on a quiet run.
// attrs are names and values in turn.
func (s *Streams) Audit(message string, attrs ...any) {
	if s.log != nil {
		s.log.Info(message, attrs...)
		return
	}
	line := Program + ": " + message
	for i := 0; i+1 < len(attrs); i += 2 {
		line += fmt.Sprintf(" %s=%s", attrs[i], Safe(fmt.Sprintf("%q", fmt.Sprint(attrs[i+1]))))
	}
	s.errLine(line + time.Now().UTC().Format(" 2006-01-02T15:04:05Z"))
}
