package notify

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lictrail/cmd/lictrail/internal/input"
)

// Kinds are the kinds of receivers.
var Kinds = []string{"webhook", "teams", "slack", "mail"}

// Variables that name receivers. Those that are secrets may be in files
// instead: the same name with _FILE after it names one.
const (
	webhookURL   = "LICTRAIL_WEBHOOK_URL"
	teamsURL     = "LICTRAIL_TEAMS_URL"
	slackURL     = "LICTRAIL_SLACK_URL"
	smtpHost     = "LICTRAIL_SMTP_HOST"
	smtpPort     = "LICTRAIL_SMTP_PORT"
	smtpTLS      = "LICTRAIL_SMTP_TLS"
	smtpUser     = "LICTRAIL_SMTP_USER"
	smtpPassword = "LICTRAIL_SMTP_PASSWORD"
	smtpFrom     = "LICTRAIL_SMTP_FROM"
	smtpTo       = "LICTRAIL_SMTP_TO"

	fileSuffix = "_FILE"
)

var urlVariables = map[string]string{"webhook": webhookURL, "teams": teamsURL, "slack": slackURL}

// Variables are all that [Receivers] reads.
func Variables() []string {
	return append(SecretFiles(), webhookURL, teamsURL, slackURL, smtpHost, smtpPort, smtpTLS, smtpUser, smtpPassword, smtpFrom, smtpTo)
}

// SecretFiles are the variables that name a file with a secret in it.
func SecretFiles() []string {
	return []string{webhookURL + fileSuffix, teamsURL + fileSuffix, slackURL + fileSuffix, smtpPassword + fileSuffix}
}

// ErrConfig marks what is wrong with variables. Such an error names the variable
// and never what it holds.
var ErrConfig = errors.New("notifications are not set up")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...))
}

// Receivers reads from variables where to send messages. Without kinds it finds
// whatever is set up, which may be nothing. A kind that was asked for and is not
// set up is an error.
func Receivers(getenv func(string) string, kinds []string) ([]*Receiver, error) {
	var found []*Receiver
	for _, kind := range Kinds {
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		r, variable, err := receiver(getenv, kind)
		if err != nil {
			return nil, err
		}
		if r == nil && len(kinds) > 0 {
			return nil, wrong("%s needs %s", kind, variable)
		}
		if r != nil {
			found = append(found, r)
		}
	}
	return found, nil
}

// receiver is that of a kind; nil where its variable is not set.
func receiver(getenv func(string) string, kind string) (*Receiver, string, error) {
	if kind == "mail" {
		r, err := mailReceiver(getenv)
		return r, smtpHost, err
	}
	variable := urlVariables[kind]
	address, err := secret(getenv, variable)
	if err != nil || address == "" {
		return nil, variable, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, variable, wrong("%s must be an https address (http only on this machine)", variable)
	}
	secrets := []string{address, u.RequestURI(), u.RawQuery, u.Fragment}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password)
	}
	return &Receiver{Kind: kind, Host: u.Host, url: u.String(), secrets: secrets}, variable, nil
}

// maxSecret is more than a password or an address has.
const maxSecret = 64 << 10

// secret reads a secret from its variable, or from the file that the variable
// with _FILE after its name names.
func secret(getenv func(string) string, variable string) (string, error) {
	value, path := strings.TrimSpace(getenv(variable)), getenv(variable+fileSuffix)
	if path == "" {
		return value, nil
	}
	if value != "" {
		return "", wrong("%s and %s_FILE are both set", variable, variable)
	}
	text, err := input.Read(path, input.Secret, maxSecret)
	if err != nil {
		return "", wrong("%s: %w", variable+fileSuffix, err)
	}
	if value = strings.TrimSpace(string(text)); value == "" {
		return "", wrong("%s_FILE: %q is empty", variable, path)
	}
	return value, nil
}

// smtp is a mail server and whom to write to.
type smtp struct {
	host           string
	port           int
	tls            string
	user, password string
	from           *mail.Address
	to             []*mail.Address
}

// How to keep others from reading what goes to a mail server.
const (
	startTLS    = "starttls" // the connection is encrypted before anything is said, or given up
	implicitTLS = "implicit" // it is encrypted from the first byte on
	noTLS       = "none"     // on this machine only
)

func mailReceiver(getenv func(string) string) (*Receiver, error) {
	s := &smtp{host: strings.TrimSpace(getenv(smtpHost)), user: strings.TrimSpace(getenv(smtpUser)), tls: strings.ToLower(getenv(smtpTLS))}
	if s.host == "" {
		for _, variable := range []string{smtpFrom, smtpTo, smtpUser, smtpPassword, smtpPassword + fileSuffix} {
			if getenv(variable) != "" { // somebody counts on mail
				return nil, wrong("%s is set, and %s is not", variable, smtpHost)
			}
		}
		return nil, nil
	}
	if strings.ContainsAny(s.host, " /\r\n\t@:") {
		return nil, wrong("%s must be the name of a host, without a port", smtpHost)
	}
	var err error
	if s.password, err = secret(getenv, smtpPassword); err != nil {
		return nil, err
	}
	if err := s.readPort(getenv(smtpPort)); err != nil {
		return nil, err
	}
	if (s.user == "") != (s.password == "") {
		return nil, wrong("%s and %s belong together", smtpUser, smtpPassword)
	}
	if s.password != "" && s.tls == noTLS {
		return nil, wrong("a password needs %s=starttls or implicit", smtpTLS)
	}
	if s.from, err = mail.ParseAddress(getenv(smtpFrom)); err != nil {
		return nil, wrong("%s must be one address, such as lictrail@contoso.com", smtpFrom)
	}
	if s.to, err = mail.ParseAddressList(getenv(smtpTo)); err != nil {
		return nil, wrong("%s must be addresses with commas between them", smtpTo)
	}
	r := &Receiver{Kind: "mail", Host: net.JoinHostPort(s.host, strconv.Itoa(s.port)), smtp: s}
	if s.password != "" {
		r.secrets = []string{s.password}
	}
	return r, nil
}

// readPort settles the port and the protection, each of which suggests the other.
func (to *smtp) readPort(text string) error {
	if text != "" {
		port, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if err != nil || port == 0 {
			return wrong("%s must be a port, such as 587", smtpPort)
		}
		to.port = int(port)
	}
	if to.tls == "" {
		to.tls = startTLS
		if to.port == 465 {
			to.tls = implicitTLS
		}
	}
	if to.port == 0 {
		to.port = map[string]int{startTLS: 587, implicitTLS: 465, noTLS: 25}[to.tls]
	}
	switch {
	case to.tls != startTLS && to.tls != implicitTLS && to.tls != noTLS:
		return wrong("%s must be starttls, implicit or, on this machine, none", smtpTLS)
	case to.tls == noTLS && !loopback(to.host):
		return wrong("%s=none is for a mail server on this machine", smtpTLS)
	}
	return nil
}

// loopback reports whether a host never leaves this machine.
func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
