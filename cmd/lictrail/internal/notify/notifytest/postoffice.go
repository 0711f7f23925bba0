// Package notifytest is a mail server for tests.
package notifytest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// User and Password are whom the server knows.
const (
	User     = "lictrail"
	Password = "SECRET pass=wörd"
)

// PostOffice is a mail server as strict as real ones: it wants CRLF, one thing
// after the other, and no password in the clear.
type PostOffice struct {
	Implicit bool              // encrypted from the first byte on
	Offers   []string          // extensions; those with TLS: before them when it is encrypted
	Answers  map[string]string // in place of its own, by verb; one that begins with 4 is given once, and an empty one hangs up
	TLS      *tls.Config

	mu    sync.Mutex
	said  []string
	mails []string
}

// Open opens it on a port of this machine.
func (p *PostOffice) Open() (port string, closed func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	if p.Implicit {
		l = tls.NewListener(l, p.TLS)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(c)
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close, nil
}

// Said is what clients said, but for mails.
func (p *PostOffice) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

// Mails are those that were taken.
func (p *PostOffice) Mails() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

// instead is an answer that was asked for in place of the usual one.
func (p *PostOffice) instead(verb string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer, ok := p.Answers[verb]
	if strings.HasPrefix(answer, "4") {
		delete(p.Answers, verb)
	}
	return answer, ok
}

func (p *PostOffice) talk(c net.Conn) {
	defer func() { c.Close() }()
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	line := func() (string, bool) {
		text, err := r.ReadString('\n')
		if err != nil || !strings.HasSuffix(text, "\r\n") {
			return "", false
		}
		return strings.TrimSuffix(text, "\r\n"), true
	}
	encrypted, signedIn, from, to := p.Implicit, false, false, 0
	say("220 post.example ESMTP")
	for {
		text, ok := line()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(text, " ")
		verb = strings.ToUpper(verb)
		p.mu.Lock()
		p.said = append(p.said, text)
		p.mu.Unlock()
		if answer, ok := p.instead(verb); ok && answer == "" {
			return
		} else if ok {
			say("%s", answer)
			continue
		}
		switch verb {
		case "EHLO":
			lines := []string{"post.example"}
			for _, o := range p.Offers {
				if after, tlsOnly := strings.CutPrefix(o, "TLS:"); tlsOnly && encrypted {
					lines = append(lines, after)
				} else if !tlsOnly && !encrypted {
					lines = append(lines, o)
				}
			}
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				say("250%s%s", sep, l)
			}
		case "STARTTLS":
			say("220 go ahead")
			c = tls.Server(c, p.TLS)
			r, encrypted, signedIn = bufio.NewReader(c), true, false
		case "AUTH":
			if !encrypted {
				say("538 5.7.11 encryption required")
				continue
			}
			user, password := "", ""
			how, given, _ := strings.Cut(rest, " ")
			switch how {
			case "PLAIN":
				decoded, _ := base64.StdEncoding.DecodeString(given)
				if parts := strings.Split(string(decoded), "\x00"); len(parts) == 3 {
					user, password = parts[1], parts[2]
				}
			case "LOGIN":
				for i, answer := range []*string{&user, &password} {
					say("334 %s", base64.StdEncoding.EncodeToString([]byte([]string{"Username:", "Password:"}[i])))
					text, _ := line()
					decoded, _ := base64.StdEncoding.DecodeString(text)
					*answer = string(decoded)
				}
			}
			if signedIn = user == User && password == Password; signedIn {
				say("235 2.7.0 welcome")
			} else {
				say("535 5.7.8 no, %s with %s", user, password)
			}
		case "MAIL":
			if !signedIn && slices.ContainsFunc(p.Offers, func(o string) bool { return strings.Contains(o, "AUTH") }) {
				say("530 5.7.0 authentication required")
				continue
			}
			from, to = true, 0
			say("250 2.1.0 ok")
		case "RCPT":
			if !from {
				say("503 5.5.1 MAIL first")
				continue
			}
			to++
			say("250 2.1.5 ok")
		case "DATA":
			if to == 0 {
				say("503 5.5.1 RCPT first")
				continue
			}
			say("354 go ahead")
			var mail bytes.Buffer
			for {
				text, ok := line()
				if !ok {
					return
				}
				if text == "." {
					break
				}
				mail.WriteString(strings.TrimPrefix(text, ".") + "\r\n")
			}
			p.mu.Lock()
			p.mails = append(p.mails, mail.String())
			p.mu.Unlock()
			say("250 2.0.0 queued")
		case "NOOP", "RSET":
			say("250 2.0.0 ok")
		case "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			say("500 5.5.2 what?")
		}
	}
}
