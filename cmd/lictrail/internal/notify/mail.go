package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
)

// mailLimit is in bytes of HTML: mailboxes take more, readers do not.
const mailLimit = 1 << 20

// mail prepares the message as a mail and returns what sends it once.
func (s *Sender) mail(to *smtp, m *Message) (func(context.Context) error, error) {
	if _, err := to.letter(m); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		msg, err := to.letter(m)
		if err != nil {
			return err
		}
		client, err := s.smtpClient(to)
		if err != nil {
			return err
		}
		err = client.DialAndSendWithContext(ctx, msg)
		if msg.IsDelivered() {
			return nil // whatever became of the goodbyes
		}
		return mailError(err)
	}, nil
}

func (s *Sender) smtpClient(to *smtp) (*gomail.Client, error) {
	config := &tls.Config{}
	if s.tls != nil {
		config = s.tls.Clone()
	}
	config.ServerName, config.MinVersion = to.host, tls.VersionTLS12
	options := []gomail.Option{gomail.WithPort(to.port), gomail.WithTimeout(patience), gomail.WithTLSConfig(config)}
	switch to.tls {
	case implicitTLS:
		options = append(options, gomail.WithSSL())
	case startTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case noTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if to.user != "" {
		options = append(options, gomail.WithUsername(to.user), gomail.WithPassword(to.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(to.host, options...)
}

// letter writes the mail: text, and the same as HTML for those who look at it.
func (to *smtp) letter(m *Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("lictrail-"+m.ID))
	msg.FromMailAddress(to.from)
	msg.ToMailAddress(to.to...)
	msg.Subject(m.Title())
	msg.SetDateWithValue(m.At.UTC())
	_, domain, _ := strings.Cut(to.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All") // Exchange answers nothing
	msg.SetUserAgent(out.Program + "/" + m.Version)
	text, html, err := m.letterBody()
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return msg, nil
}

// letterBody lays the mail out: the week in full where that may be sent and is
// of a size to be read, else the message alone.
func (m *Message) letterBody() (text, html string, err error) {
	short := m.page()
	if m.Page == nil {
		return layOut(short)
	}
	full := *m.Page
	full.Lead = strings.TrimSuffix(full.Lead+" "+strings.Join(m.lines(), " "), " ")
	full.Foot = append(append([]string{}, full.Foot...), short.Foot...)
	if text, html, err = layOut(&full); err != nil || len(html) <= mailLimit {
		return text, html, err
	}
	short.Foot = append(short.Foot, "The week in full is too long for a mail: lictrail report --output week.html")
	return layOut(short)
}

func layOut(p *page.Page) (text, html string, err error) {
	var plain, marked bytes.Buffer
	if err := p.Text(&out.Streams{Out: &plain}); err != nil {
		return "", "", err
	}
	if err := p.HTML(&marked); err != nil {
		return "", "", err
	}
	return plain.String(), marked.String(), nil
}

// page is the message as a page of its own.
func (m *Message) page() *page.Page {
	p := &page.Page{Title: m.Title(), Lead: strings.Join(m.lines(), " ")}
	for _, l := range m.lists(MaxOpen) {
		p.Sections = append(p.Sections, page.Section{ID: strings.ToLower(l.heading), Heading: l.heading, Text: l.items})
	}
	if m.Head != "" {
		p.Foot = append(p.Foot, m.headLine())
	}
	p.Foot = append(p.Foot, "Sent by lictrail "+m.Version+", which reads the tenant and never writes to it.")
	return p
}

// mailError tells what a mail server said by its codes: its words may hold
// addresses.
func mailError(err error) error {
	var refused *gomail.SendError
	var said *textproto.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.ErrorCode() > 0:
		err = fmt.Errorf("%s: it answers %s", step(refused.Reason), strings.TrimSpace(fmt.Sprint(refused.ErrorCode(), " ", refused.EnhancedStatusCode())))
		if refused.IsTemp() {
			return temporary{error: err}
		}
		return err
	case errors.As(err, &refused): // its own words name the recipients
		return temporary{error: fmt.Errorf("%s: the connection broke off", step(refused.Reason))}
	case errors.As(err, &said):
		err = fmt.Errorf("sign in or greet: it answers %d", said.Code)
		if said.Code/100 == 4 {
			return temporary{error: err}
		}
		return err
	case untrusted(err):
		return err
	case errors.Is(err, gomail.ErrPlainAuthNotSupported), errors.Is(err, gomail.ErrLoginAuthNotSupported),
		errors.Is(err, gomail.ErrNoSupportedAuthDiscovered), strings.Contains(err.Error(), "does not support SMTP AUTH"):
		return errors.New("it offers no way to sign in that lictrail knows: AUTH PLAIN or LOGIN")
	case strings.Contains(err.Error(), "STARTTLS"):
		return errors.New("it offers no STARTTLS, without which nothing is sent to it")
	}
	return temporary{error: err}
}

// step names what a server refused.
func step(r gomail.SendErrReason) string {
	switch r {
	case gomail.ErrSMTPMailFrom:
		return "the sender"
	case gomail.ErrSMTPRcptTo:
		return "a recipient"
	}
	return "the mail"
}
