package notify

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// serve is a receiver without a network, so that time can be made up: its
// handler answers in place of the host.
type serve func(http.ResponseWriter, *http.Request)

func (s serve) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func hook(kind string) *Receiver {
	r, _, err := receiver(variables(map[string]string{urlVariables[kind]: "https://hooks.example.com/SECRET-path?sig=SECRET"}), kind)
	if err != nil {
		panic(err)
	}
	return r
}

// TestUnkind sends to receivers that refuse, ask to wait, hang or lie.
func TestUnkind(t *testing.T) {
	inTurn := func(answers ...http.HandlerFunc) func() serve {
		return func() serve {
			var n atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				answers[min(int(n.Add(1)), len(answers))-1](w, r)
			}
		}
	}
	says := func(code int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	date := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	}
	for _, c := range []struct {
		name, kind string
		receiver   func() serve
		attempts   int
		took       time.Duration // of made-up time
		err        string        // "": taken
	}{
		{"taken", "webhook", inTurn(says(204, "")), 1, 0, ""},
		{"a workflow accepts", "teams", inTurn(says(202, "")), 1, 0, ""},
		{"slack takes it", "slack", inTurn(says(200, "ok")), 1, 0, ""},
		{"busy, with seconds", "slack", inTurn(says(429, "", "Retry-After", "7"), says(200, "ok")), 2, 7 * time.Second, ""},
		{"busy, with a date", "webhook", inTurn(date, says(200, "")), 2, 20 * time.Second, ""},
		{"busy, without", "webhook", inTurn(says(429, ""), says(200, "")), 2, time.Second, ""},
		{"busy for an hour", "webhook", inTurn(says(429, "", "Retry-After", "3600")), 1, 0, "it answers 429; trying again would take longer"},
		{"busy for ever", "webhook", inTurn(says(429, "", "Retry-After", "86400000000000")), 5, 15 * time.Second, "it answers 429"},
		{"ill for a while", "webhook", inTurn(says(500, "<html>"), says(502, ""), says(200, "")), 3, 3 * time.Second, ""},
		{"ill", "webhook", inTurn(says(500, "<html>")), 5, 15 * time.Second, "webhook at hooks.example.com: it answers 500"},
		{"hangs once", "webhook", inTurn(hangs, says(200, "")), 2, 16 * time.Second, ""},
		{"hangs", "webhook", inTurn(hangs), 4, time.Minute, "no answer in time"},
		{"redirects", "webhook", inTurn(says(302, "", "Location", "https://evil.example/")), 1, 0, "a redirect, which is not followed"},
		{"redirects with the body", "teams", inTurn(says(307, "", "Location", "https://evil.example/")), 1, 0, "a redirect, which is not followed"},
		{"gone", "slack", inTurn(says(404, "no_service")), 1, 0, "it answers 404 (no_service)"},
		{"quotes the address", "slack", inTurn(says(403, "no /SECRET-path here")), 1, 0, "it answers 403"},
		{"200 and not ok", "slack", inTurn(says(200, "channel_is_archived")), 1, 0, "it answers 200 (channel_is_archived)"},
		{"echoes a name", "slack", inTurn(says(403, "Ann Reed")), 1, 0, "it answers 403"},
		{"echoes a name, 200", "teams", inTurn(says(200, "delivery failed for Ann Reed")), 1, 0, "it answers 200, but reports an error (delivery failed)"},
		{"echoes what a name may look like", "webhook", inTurn(says(400, "ann_reed")), 1, 0, "it answers 400"},
		{"200 and an error", "teams", inTurn(says(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x")), 1, 0, "it answers 200, but reports an error"},
		{"too large", "teams", inTurn(says(413, "")), 1, 0, "it answers 413"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hosts := map[string]bool{}
				inner := c.receiver()
				s := Sender{transport: serve(func(w http.ResponseWriter, r *http.Request) {
					hosts[r.URL.Host] = true
					inner(w, r)
				})}
				begun := time.Now()
				o := s.Send(t.Context(), []*Receiver{hook(c.kind)}, aRun(1, "x"))[0]
				if took := time.Since(begun); took != c.took || o.Attempts != c.attempts {
					t.Errorf("%d attempts in %v, want %d in %v", o.Attempts, took, c.attempts, c.took)
				}
				if c.err == "" && o.Err != nil || c.err != "" && (o.Err == nil || !strings.Contains(o.Err.Error(), c.err)) {
					t.Errorf("error %v, want %q", o.Err, c.err)
				}
				if o.Err != nil && (strings.Contains(o.Err.Error(), "SECRET") || !strings.Contains(o.Err.Error(), "hooks.example.com")) {
					t.Errorf("the error must name the host and nothing more of the address: %v", o.Err)
				}
				if o.Err != nil && strings.Contains(strings.ToLower(o.Err.Error()), "reed") {
					t.Errorf("the error names somebody: %v", o.Err)
				}
				if len(hosts) != 1 || !hosts["hooks.example.com"] {
					t.Errorf("asked %v", hosts)
				}
				synctest.Wait()
			})
		})
	}
}

// TestOneHangs: a receiver that hangs keeps the others from nothing, and an
// interrupt ends the waiting.
func TestOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := Sender{transport: serve(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("User-Agent"), "lictrail/") && r.URL.Host == "slow.example.com" {
				<-r.Context().Done()
			}
		})}
		slow := hook("teams")
		slow.url, slow.Host = "https://slow.example.com/SECRET", "slow.example.com"
		time.AfterFunc(3*time.Second, cancel)
		begun := time.Now()
		o := s.Send(ctx, []*Receiver{slow, hook("webhook")}, aRun(1, "x"))
		if o[0].Err == nil || o[1].Err != nil || time.Since(begun) > 5*time.Second {
			t.Errorf("%v after %v", o, time.Since(begun))
		}
	})
}

// TestRealErrors: no error of a real network may contain the address.
func TestRealErrors(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	for _, address := range []string{tls.URL, "http://127.0.0.1:1", "https://127.0.0.1:1", "https://user:SECRET@127.0.0.1:1"} {
		r, _, err := receiver(variables(map[string]string{webhookURL: address + "/SECRET?x=SECRET"}), "webhook")
		if err != nil {
			t.Fatal(err)
		}
		err = new(Sender).post(t.Context(), r, aRun(1, "x"), nil)
		if err = r.withoutSecrets(err); err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%v", err)
		}
	}
}

// TestTold: a secret in an error is not shown, wherever it was added.
func TestTold(t *testing.T) {
	r := hook("slack")
	if err := r.withoutSecrets(errors.New("POST https://hooks.example.com/SECRET-path?sig=SECRET")); strings.Contains(err.Error(), "SECRET") {
		t.Error(err)
	}
}

func TestReceivers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(" https://c.example/SECRET\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mailSet := func(more ...string) map[string]string {
		m := map[string]string{smtpHost: "mail.contoso.com", smtpFrom: "a@contoso.com", smtpTo: "b@contoso.com"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name  string
		v     map[string]string
		kinds string // asked for, with commas
		want  string // kinds and hosts, or the error
	}{
		{"nothing", nil, "", ""},
		{"not set up", nil, "teams", "teams needs LICTRAIL_TEAMS_URL"},
		{"no mail", nil, "mail", "mail needs LICTRAIL_SMTP_HOST"},
		{"two", map[string]string{teamsURL: "https://a.example/SECRET", slackURL: "https://b.example/SECRET"}, "", "teams a.example, slack b.example"},
		{"one of two", map[string]string{teamsURL: "https://a.example/SECRET", slackURL: "https://b.example/SECRET"}, "slack", "slack b.example"},
		{"file", map[string]string{slackURL + "_FILE": file}, "", "slack c.example"},
		{"both", map[string]string{slackURL: "https://c.example/SECRET", slackURL + "_FILE": file}, "", "are both set"},
		{"no file", map[string]string{slackURL + "_FILE": filepath.Join(dir, "nosuch")}, "", "cannot be read"},
		{"plain http", map[string]string{webhookURL: "http://c.example/SECRET"}, "", "must be an https address"},
		{"plain http on this machine", map[string]string{webhookURL: "http://127.0.0.1:8080/SECRET"}, "", "webhook 127.0.0.1:8080"},
		{"not an address", map[string]string{webhookURL: "https://c.example/SECRET%zz\n"}, "", "must be an https address"},
		{"another scheme", map[string]string{webhookURL: "file:///SECRET"}, "", "must be an https address"},
		{"mail", mailSet(), "", "mail mail.contoso.com:587"},
		{"mail, no host", mailSet(smtpHost, ""), "", "LICTRAIL_SMTP_FROM is set, and LICTRAIL_SMTP_HOST is not"},
		{"mail, a password alone", map[string]string{smtpPassword: "SECRET", teamsURL: "https://a.example/SECRET"}, "", "LICTRAIL_SMTP_PASSWORD is set, and LICTRAIL_SMTP_HOST is not"},
		{"mail, no host, and not asked for", mailSet(smtpHost, "", teamsURL, "https://a.example/SECRET"), "teams", "teams a.example"},
		{"mail, implicit", mailSet(smtpTLS, "implicit"), "", "mail mail.contoso.com:465"},
		{"mail, none elsewhere", mailSet(smtpTLS, "none"), "", "is for a mail server on this machine"},
		{"mail, none here", mailSet(smtpTLS, "none", smtpHost, "localhost"), "", "mail localhost:25"},
		{"mail, none with a password", mailSet(smtpTLS, "none", smtpHost, "localhost", smtpUser, "u", smtpPassword, "SECRET"), "", "a password needs"},
		{"mail, user without password", mailSet(smtpUser, "u"), "", "belong together"},
		{"mail, port", mailSet(smtpPort, "0"), "", "must be a port"},
		{"mail, protection", mailSet(smtpTLS, "maybe"), "", "must be starttls"},
		{"mail, header in an address", mailSet(smtpTo, "b@contoso.com\r\nBcc: c@contoso.com"), "", "must be addresses"},
		{"mail, header in the sender", mailSet(smtpFrom, "a@contoso.com\nBcc: c@contoso.com"), "", "must be one address"},
		{"mail, host with port", mailSet(smtpHost, "mail.contoso.com:25"), "", "without a port"},
	} {
		var kinds []string
		if c.kinds != "" {
			kinds = strings.Split(c.kinds, ",")
		}
		receivers, err := Receivers(variables(c.v), kinds)
		var got []string
		for _, r := range receivers {
			got = append(got, r.Kind+" "+r.Host)
		}
		text := strings.Join(got, ", ")
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != c.want || err != nil && (c.want == "" || !strings.Contains(text, c.want)) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
		if strings.Contains(text, "SECRET") {
			t.Errorf("%s: a secret is told: %s", c.name, text)
		}
	}
}
