package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
)

const (
	// mailLimit is in bytes of a mail as it is sent, without the attached page: mailboxes
	// take more, and programs that show mail cut what is longer, Gmail at 102 KB.
	mailLimit     = 90_000
	mailRows      = 25 // of a table, and items of a list, at most
	attachedLimit = 5 << 20
)

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

// letter writes the mail: text, and the same as HTML for those who look at it, with as
// many rows of its tables as fit, and the page in full attached.
func (to *smtp) letter(m *Message) (*gomail.Msg, error) {
	attached, err := m.attachment()
	if err != nil {
		return nil, err
	}
	for rows := mailRows; ; rows /= 2 {
		msg, err := to.written(m, m.brief(rows, len(attached) > 0))
		if err != nil {
			return nil, err
		}
		size, err := msg.WriteTo(io.Discard)
		if err != nil {
			return nil, fmt.Errorf("write the mail: %w", err)
		}
		if size > mailLimit && rows > 0 {
			continue
		}
		if len(attached) > 0 {
			err = msg.AttachReader(fmt.Sprintf("lictrail-run-%d.html", m.Number), bytes.NewReader(attached), gomail.WithFileContentType(gomail.TypeTextHTML))
		}
		return msg, err
	}
}

// written is the mail with a page as its text and its HTML.
func (to *smtp) written(m *Message, p *page.Page) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(to.from)
	msg.ToMailAddress(to.to...)
	msg.Subject(m.Title())
	msg.SetDateWithValue(m.At.UTC())
	_, domain, _ := strings.Cut(to.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All") // Exchange answers nothing
	msg.SetUserAgent(out.Program + "/" + m.Version)
	var plain, marked bytes.Buffer
	if err := p.Text(&out.Streams{Out: &plain}); err != nil {
		return nil, err
	}
	if err := p.Mail(&marked); err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, plain.String())
	msg.AddAlternativeString(gomail.TypeTextHTML, marked.String())
	return msg, nil
}

// attachment is the week in full as a page; nil where it may not be sent, or is longer
// than mail servers take.
func (m *Message) attachment() ([]byte, error) {
	if m.Page == nil {
		return nil, nil
	}
	var b bytes.Buffer
	if err := m.Page.HTML(&b); err != nil {
		return nil, err
	}
	if b.Len() > attachedLimit {
		return nil, nil
	}
	return b.Bytes(), nil
}

// brief lays the mail out with so many rows of each table: the week where it may be
// sent, else, and where no row of it fits, the message alone.
func (m *Message) brief(rows int, attached bool) *page.Page {
	where := "in the page: lictrail report --output week.html"
	if attached {
		where = "in the attached page"
	}
	short := m.page(rows)
	if m.Page == nil || rows == 0 {
		if m.Page != nil {
			short.Foot = append(short.Foot, "The week in full is "+where+".")
		}
		return short.Brief(max(rows, 3), where)
	}
	full := m.Page.Brief(rows, where)
	full.Lead = strings.TrimSuffix(full.Lead+" "+strings.Join(m.lines(), " "), " ")
	full.Foot = append(append([]string{}, full.Foot...), short.Foot...)
	return full
}

// page is the message as a page of its own, with so many items of its lists.
func (m *Message) page(items int) *page.Page {
	p := &page.Page{Title: m.Title(), Lead: strings.Join(m.lines(), " ")}
	for _, l := range m.lists(items) {
		p.Sections = append(p.Sections, page.Section{ID: strings.ToLower(l.heading), Heading: l.heading, Text: l.items})
	}
	if m.Head != "" {
		p.Foot = append(p.Foot, m.headLine())
	}
	p.Foot = append(p.Foot, "Sent by lictrail "+m.Version+", which reads the tenant and never writes to it.")
	return p
}

// mailError describes the answer of a mail server by its codes: its words may hold
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
