package notify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/notify/notifytest"
)

// certificate is for 127.0.0.1, by an authority that only the pool knows.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestMail_HangsUp: what is reported of a broken connection, which waits in a file for
// the next run, names nobody to whom the mail was to go.
func TestMail_HangsUp(t *testing.T) {
	for verb, want := range map[string]string{"MAIL": "the sender: the connection broke off", "RCPT": "a recipient: the connection broke off", "DATA": "the mail: the connection broke off"} {
		office := &notifytest.PostOffice{Answers: map[string]string{verb: ""}}
		port, closed, err := office.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer closed()
		receivers, err := Receivers(variables(map[string]string{smtpHost: "127.0.0.1", smtpPort: port, smtpTLS: "none",
			smtpFrom: "lictrail@contoso.com", smtpTo: "it@contoso.com, boss@contoso.com"}), []string{"mail"})
		if err != nil {
			t.Fatal(err)
		}
		try, err := new(Sender).mail(receivers[0].smtp, messages()["hostile"])
		if err != nil {
			t.Fatal(err)
		}
		err = try(t.Context()) // once: it would be tried again
		if err == nil || err.Error() != want || !errors.As(err, new(temporary)) {
			t.Errorf("%s: %v, want %q, for a while", verb, err, want)
		}
	}
}

// TestMail sends mail to a real server, encrypted as servers are.
func TestMail(t *testing.T) {
	own, pool := certificate(t)
	for _, c := range []struct {
		name     string
		office   *notifytest.PostOffice
		set      map[string]string // variables beside host, port and addresses
		distrust bool
		err      string
		attempts int
		plain    bool // nothing is encrypted
	}{
		{name: "STARTTLS and PLAIN", office: &notifytest.PostOffice{Offers: []string{"STARTTLS", "TLS:AUTH LOGIN PLAIN"}}, set: map[string]string{smtpUser: notifytest.User, smtpPassword: notifytest.Password}},
		{name: "STARTTLS and LOGIN", office: &notifytest.PostOffice{Offers: []string{"STARTTLS", "TLS:AUTH XOAUTH2 LOGIN"}}, set: map[string]string{smtpUser: notifytest.User, smtpPassword: notifytest.Password}},
		{name: "STARTTLS and nobody asks who", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}}},
		{name: "implicit TLS", office: &notifytest.PostOffice{Implicit: true, Offers: []string{"TLS:AUTH PLAIN"}}, set: map[string]string{smtpTLS: "implicit", smtpUser: notifytest.User, smtpPassword: notifytest.Password}},
		{name: "this machine, in the clear", set: map[string]string{smtpTLS: "none"}, plain: true},
		{name: "a goodbye that fails", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}, Answers: map[string]string{"QUIT": "500 5.0.0 never"}}},
		{name: "busy at first", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}, Answers: map[string]string{"RCPT": "451 4.7.1 greylisted it@contoso.com"}}, attempts: 2},
		{name: "no STARTTLS", err: "it offers no STARTTLS"},
		{name: "STARTTLS taken out", office: &notifytest.PostOffice{Offers: []string{"AUTH PLAIN"}}, set: map[string]string{smtpUser: notifytest.User, smtpPassword: notifytest.Password}, err: "it offers no STARTTLS"},
		{name: "a stranger's certificate", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}}, distrust: true, err: "certificate"},
		{name: "a wrong password", office: &notifytest.PostOffice{Offers: []string{"STARTTLS", "TLS:AUTH PLAIN"}}, set: map[string]string{smtpUser: notifytest.User, smtpPassword: "SECRET but wrong"}, err: "sign in or greet: it answers 535"},
		{name: "no AUTH", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}}, set: map[string]string{smtpUser: notifytest.User, smtpPassword: notifytest.Password}, err: "it offers no way to sign in"},
		{name: "sign-in is needed", office: &notifytest.PostOffice{Offers: []string{"STARTTLS", "TLS:AUTH PLAIN"}}, err: "the sender: it answers 530"},
		{name: "a recipient it does not know", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}, Answers: map[string]string{"RCPT": "550 5.1.1 <it@contoso.com> unknown"}}, err: "a recipient: it answers 550"},
		{name: "not this mail", office: &notifytest.PostOffice{Offers: []string{"STARTTLS"}, Answers: map[string]string{"DATA": "554 5.7.1 spam"}}, err: "the mail: it answers 554"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			office := c.office
			if office == nil {
				office = &notifytest.PostOffice{}
			}
			office.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
			port, closed, err := office.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer closed()
			v := map[string]string{smtpHost: "127.0.0.1", smtpPort: port, smtpFrom: "lictrail@contoso.com", smtpTo: "it@contoso.com, boss@contoso.com"}
			for name, value := range c.set {
				v[name] = value
			}
			receivers, err := Receivers(variables(v), []string{"mail"})
			if err != nil {
				t.Fatal(err)
			}
			s := Sender{tls: &tls.Config{RootCAs: pool}}
			if c.distrust {
				s.tls = nil
			}
			o := s.Send(t.Context(), receivers, messages()["hostile"])[0]
			all, mails := office.Said(), office.Mails()
			if !c.plain && !office.Implicit && !strings.Contains(all, "STARTTLS") && strings.Contains(all, "MAIL") {
				t.Errorf("sent in the clear:\n%s", all)
			}
			if c.err != "" {
				if o.Err == nil || !strings.Contains(o.Err.Error(), c.err) || strings.Contains(o.Err.Error(), "SECRET") || strings.Contains(o.Err.Error(), "contoso") {
					t.Errorf("error %v, want %q and no secret or address", o.Err, c.err)
				}
				if len(mails) != 0 || o.Attempts != 1 {
					t.Errorf("%d mails in %d attempts", len(mails), o.Attempts)
				}
				return
			}
			if o.Err != nil || len(mails) != 1 || o.Attempts != max(1, c.attempts) {
				t.Fatalf("%d mails in %d attempts: %v\n%s", len(mails), o.Attempts, o.Err, all)
			}
			checkMail(t, c.name, []byte(mails[0]))
			if strings.Count(all, "RCPT TO:") != 2*max(1, c.attempts) && c.attempts < 2 {
				t.Errorf("recipients:\n%s", all)
			}
		})
	}
}
