package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/out"
)

// A run must not wait long for a receiver: what it found is kept in any case.
const (
	deadline  = time.Minute      // for one receiver, with all attempts
	patience  = 15 * time.Second // for one attempt
	attempts  = 5
	firstWait = time.Second // between attempts, doubled each time
)

// Receiver is where messages go.
type Receiver struct {
	Kind string // one of [Kinds]
	Host string // all that may be shown of the address

	url     string
	smtp    *smtp
	secrets []string // no message may contain them
}

// Sender sends messages. Its zero value is ready for use.
type Sender struct {
	transport http.RoundTripper // nil: that of the standard library
	tls       *tls.Config       // nil: the certificates that this machine trusts
}

// Outcome is how a message to a receiver went.
type Outcome struct {
	Kind, Host string
	Attempts   int
	Err        error // nil: it was taken; what else became of it the receiver knows
}

// Send sends a message to all receivers at once and returns when each has taken
// it, refused it, or taken too long, in the order of the receivers.
func (s *Sender) Send(ctx context.Context, receivers []*Receiver, m *Message) []Outcome {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	outcomes := make([]Outcome, len(receivers))
	type numbered struct {
		i int
		Outcome
	}
	done := make(chan numbered, len(receivers))
	for i, r := range receivers {
		outcomes[i] = Outcome{r.Kind, r.Host, 1, r.withoutSecrets(errors.New("no answer in time"))}
		go func() { done <- numbered{i, s.sendTo(ctx, r, m)} }()
	}
	for range receivers {
		select {
		case o := <-done:
			outcomes[o.i] = o.Outcome
		case <-ctx.Done(): // whatever hangs is left to hang
			select { // what gives up by itself says more
			case o := <-done:
				outcomes[o.i] = o.Outcome
			case <-time.After(time.Second):
				return outcomes
			}
		}
	}
	return outcomes
}

func (s *Sender) sendTo(ctx context.Context, r *Receiver, m *Message) Outcome {
	try, err := s.attempt(r, m)
	if err != nil {
		return Outcome{r.Kind, r.Host, 0, r.withoutSecrets(fmt.Errorf("write the message: %w", err))}
	}
	n, err := retry(ctx, try)
	return Outcome{r.Kind, r.Host, n, r.withoutSecrets(err)}
}

// attempt makes what sends the message once.
func (s *Sender) attempt(r *Receiver, m *Message) (func(context.Context) error, error) {
	if r.Kind == "mail" {
		return s.mail(r.smtp, m)
	}
	build := map[string]func() ([]byte, error){"webhook": m.webhook, "teams": m.teams, "slack": m.slack}[r.Kind]
	body, err := build()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.post(ctx, r, m, body) }, nil
}

// withoutSecrets makes of an error what may be shown: which receiver, by its host, and no
// secret, whoever wrote it into the error.
func (r *Receiver) withoutSecrets(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range r.secrets {
		if len(secret) > 1 { // "/" is no secret
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return fmt.Errorf("%s at %s: %s", r.Kind, r.Host, shown(text, 300))
}

// temporary is an error that may be gone the next time.
type temporary struct {
	error
	after time.Duration // as long the receiver asks to be left alone
}

func (t temporary) Unwrap() error { return t.error }

// retry tries until it goes well, or cannot, or the time is up.
func retry(ctx context.Context, try func(context.Context) error) (int, error) {
	wait := firstWait
	for n := 1; ; n++ {
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := try(attempt)
		cancel()
		var again temporary
		if err == nil || !errors.As(err, &again) || n == attempts || ctx.Err() != nil {
			return n, err
		}
		pause := max(wait, again.after)
		if until, ok := ctx.Deadline(); ok && time.Until(until) <= pause {
			return n, fmt.Errorf("%w; trying again would take longer than the minute that a message may take", err)
		}
		select {
		case <-ctx.Done():
			return n, err
		case <-time.After(pause):
		}
		wait *= 2
	}
}

// post sends a body once. It follows no redirect: the body would go, and the
// secret in the address with it, where nobody said it should.
func (s *Sender) post(ctx context.Context, r *Receiver, m *Message, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is not valid")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", out.Program+"/"+m.Version)
	client := http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err = withoutURL(err); untrusted(err) {
		return err
	} else if err != nil {
		return temporary{error: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return temporary{error: errors.New("the answer broke off")}
	}
	return judge(r.Kind, resp, string(answer))
}

// withoutURL takes off the wrapping that names the whole address.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

// untrusted reports whether a certificate is not one to trust.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// judge says what an answer means.
func judge(kind string, resp *http.Response, answer string) error {
	code := resp.StatusCode
	said := fmt.Errorf("it answers %d%s", code, reasonIn(kind, answer))
	switch {
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500 && code != http.StatusNotImplemented:
		return temporary{said, retryAfter(resp.Header)}
	case code >= 300 && code < 400:
		return fmt.Errorf("it answers %d, a redirect, which is not followed: set the address that it leads to", code)
	case code >= 400:
		return said
	case kind == "teams" && teamsError.MatchString(answer):
		return fmt.Errorf("it answers %d, but reports an error%s", code, reasonIn(kind, answer))
	case kind == "slack" && strings.TrimSpace(answer) != "ok":
		return said
	}
	return nil
}

// teamsError is in an answer that says 200 and yet that nothing was posted, as
// the retired connectors of Teams gave.
var teamsError = regexp.MustCompile(`(?i)HTTP error \d{3}|delivery failed|"error"`)

// reasons are what may be shown of an answer: words of the service's own, such as
// Slack's channel_is_archived. Whatever else an answer says may be what it was
// sent, and name somebody: it would wait for the next run, and be history then.
var reasons = map[string]*regexp.Regexp{
	"slack": regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`),
	"teams": regexp.MustCompile(`(?i)HTTP error \d{3}|delivery failed`),
}

func reasonIn(kind, answer string) string {
	pattern := reasons[kind]
	if pattern == nil {
		return ""
	}
	if reason := pattern.FindString(strings.TrimSpace(answer)); reason != "" {
		return " (" + reason + ")"
	}
	return ""
}

// retryAfter is how long the receiver asks to wait: in seconds, or until a date.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
