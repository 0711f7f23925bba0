package graph

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lictrail/snapshot"
)

// Kinds of failure, for errors.Is. Every error of a read is one of them, or
// the context's own, or that of whoever takes the rows.
var (
	// ErrIncomplete: Graph answered, but not with the whole truth. Exit code 3.
	ErrIncomplete = errors.New("the read is incomplete")
	// ErrAuth: sign-in failed, or a permission is missing. Exit code 4.
	ErrAuth = errors.New(snapshot.NotPermittedText)
	// ErrUnavailable: Graph could not be reached, or kept failing, for longer
	// than the run's patience. Exit code 5.
	ErrUnavailable = errors.New("graph is out of reach")
	// ErrThrottled is the ErrUnavailable of a Graph that asks to wait for
	// longer than the run's patience. Exit code 5.
	ErrThrottled = fmt.Errorf("%w: throttled", ErrUnavailable)
)

// maxForeign is how many bytes of a text from Graph an error shows.
const maxForeign = 300

// Error is a read that failed. Code, Message and RequestID are Graph's own
// words, at most 300 bytes of each.
type Error struct {
	Op        string // what was read: users, SKUs, ...; "" for a sign-in before any read
	Page      int    // from 1; 0 for a read that has no pages
	Status    int    // HTTP status; 0 when no response came
	Code      string // Graph's error code
	Message   string // Graph's error message
	RequestID string // what Microsoft's support asks for
	Hint      string // what the reader can do; may be ""
	Err       error  // wraps one of the kinds, or the context's error

	retry   retry
	wait    time.Duration // what Retry-After asks for; 0 when it does not
	claims  string        // what a 401 wants of the next token
	restart bool          // the page token is lost: begin again at page 1
}

// Error says what was read, what went wrong and Graph's own words, quoted.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Op == opSigningIn:
		fmt.Fprintf(&b, "%v", e.Err)
	case e.Page > 0:
		fmt.Fprintf(&b, "read page %d of %s: %v", e.Page, e.Op, e.Err)
	default:
		fmt.Fprintf(&b, "read %s: %v", e.Op, e.Err)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
	}
	for _, part := range []struct{ name, text string }{{"code", e.Code}, {"message", e.Message}, {"request-id", e.RequestID}} {
		if part.text != "" {
			fmt.Fprintf(&b, ", %s %s", part.name, strconv.QuoteToASCII(part.text))
		}
	}
	return b.String()
}

// Advice returns e.Hint: what a warning may add to the error.
func (e *Error) Advice() string { return e.Hint }

// Is reports whether the tenant lacks Entra ID P1 or P2, of which an error code alone
// says so.
func (e *Error) Is(target error) bool {
	return target == snapshot.ErrNoPremium && noPremium(e.Code)
}

func noPremium(code string) bool {
	return strings.Contains(strings.ToLower(code), "nonpremiumtenant")
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// reach marks the errors after which a log need not be asked for more.
func reach(err error) error {
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	return err
}

// kinded adds a kind to a cause.
func kinded(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %w", kind, fmt.Errorf(format, args...))
}

// clip cuts a foreign text down to what an error may show.
func clip(s string) string {
	if len(s) <= maxForeign {
		return s
	}
	return strings.ToValidUTF8(s[:maxForeign], "") + "…"
}

// tidied is an error whose text is fit for one line of a terminal.
type tidied struct {
	text string
	err  error
}

func (t tidied) Error() string { return t.text }
func (t tidied) Unwrap() error { return t.err }

// tidy puts err's text on one line, without control characters, and takes the
// URL out of it: a query string may hold a page token.
func tidy(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, err.Error())
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 2*maxForeign {
		text = strings.ToValidUTF8(text[:2*maxForeign], "") + "…"
	}
	return tidied{text, err}
}
