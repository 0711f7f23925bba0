package cli

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"

	"lictrail/graph/graphtest"
)

// authorityPlay is the authority of one script.
type authorityPlay struct {
	authority *graphtest.Authority
	app       *graphtest.App
	workload  *rsa.PrivateKey // of who signs for workloads
}

const (
	playClient  = "3f7f2c0e-9a51-4b7e-8d0a-5b0c6a1f2d34"
	playIssuer  = "https://token.actions.githubusercontent.com"
	playSubject = "repo:contoso/licenses:ref:refs/heads/main"
)

// newAuthority starts an authority, points $AUTHORITY at it, has programs trust
// it and names tenant and application as azidentity's users do.
func (p *play) newAuthority(ts *testscript.TestScript) *graphtest.Authority {
	a, err := graphtest.NewAuthority(p.ID, time.Now)
	ts.Check(err)
	host, err := a.Start()
	ts.Check(err)
	ts.Defer(func() { a.Close() })
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), a.CA(), 0o600))
	p.authorityPlay = &authorityPlay{authority: a, app: &graphtest.App{}}
	a.Apps[playClient] = p.app
	_, p.workload, err = graphtest.NewCertificate(time.Now(), time.Now())
	ts.Check(err)
	for name, value := range map[string]string{"AUTHORITY": host, "SSL_CERT_FILE": ts.MkAbs("ca.pem"),
		"AZURE_TENANT_ID": p.ID, "AZURE_CLIENT_ID": playClient, "LICTRAIL_ACCESS_TOKEN": "", "LICTRAIL_ACTIVITY_TOKEN": ""} {
		ts.Setenv(name, value)
	}
	return a
}

// authorityCommand changes the authority that "tenant new authority" started:
//
//	authority secret VALUE [expired]      the application has this client secret
//	authority certificate FILE [password WORD] [expired] [unknown]
//	                                      makes a certificate, as PEM or, with a password, as PFX
//	authority trust                       the application trusts the workload of these two
//	authority statement FILE AUDIENCE     writes what the workload shows for itself
//	authority job                         the script is a job of GitHub Actions
//	authority identity ID                 the machine has this managed identity, and - is its own
//	authority public                      people may sign in to the application
//	authority fate ERROR                  how a code ends
//	authority refuse CODE                 answers everybody with this code of AADSTS
//	authority token NAME SECONDS          puts a token for Graph into a variable, good for so long
//	authority asked N GRANT               fails unless it was asked for a token N times
func authorityCommand(ts *testscript.TestScript, neg bool, args []string) {
	p := plays[ts.Getenv("WORK")]
	if neg || len(args) == 0 || p == nil || p.authorityPlay == nil {
		ts.Fatalf("usage: authority COMMAND, after tenant new authority")
	}
	ts.Check(p.instruct(ts, args[0], args[1:]))
}

func (p *play) instruct(ts *testscript.TestScript, verb string, args []string) error {
	args = append(args, "", "") // for what may be left out
	switch verb {
	case "secret":
		until := time.Now().Add(time.Hour)
		if args[1] == "expired" {
			until = time.Now().Add(-time.Hour)
		}
		p.app.Secrets = append(p.app.Secrets, graphtest.AppSecret{Value: args[0], Expires: until})
	case "certificate":
		return p.certificate(ts.MkAbs(args[0]), args[1:])
	case "trust":
		p.app.Trusts = []graphtest.Trust{{Issuer: playIssuer, Subject: playSubject, Audience: "api://AzureADTokenExchange", Key: p.workload.Public()}}
	case "statement":
		text, err := p.statement(args[1])
		return errors.Join(err, os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	case "job":
		ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", p.authority.JobEndpoint(func(audience string) string {
			text, _ := p.statement(audience) // an empty one is refused
			return text
		}))
		ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", p.authority.JobToken())
	case "identity":
		if args[0] == "-" {
			args[0] = ""
		}
		p.authority.Local[args[0]] = "here"
		ts.Setenv("IDENTITY_ENDPOINT", p.authority.IdentityEndpoint())
		ts.Setenv("IDENTITY_HEADER", graphtest.IdentityHeader)
	case "public":
		p.app.Public, p.app.Redirects = true, []string{"http://localhost"}
	case "fate":
		p.authority.Fate = args[0]
	case "refuse":
		code, err := strconv.Atoi(args[0])
		p.app.Refused = code
		return err
	case "token":
		ts.Setenv("GRAPHROOT", p.server.Root())
		token, _ := p.authority.Issue(p.server.Root())
		seconds, err := strconv.Atoi(args[1])
		ts.Setenv(args[0], token)
		ts.Setenv(args[0]+"_UNTIL", strconv.FormatInt(time.Now().Add(time.Duration(seconds)*time.Second).Unix(), 10))
		return err
	case "asked":
		return p.asked(args[0], args[1])
	default:
		return fmt.Errorf("unknown authority command %q", verb)
	}
	return nil
}

func (p *play) statement(audience string) (string, error) {
	return graphtest.SignStatement(p.workload, playIssuer, playSubject, audience, time.Now(), time.Now().Add(10*time.Minute))
}

// asked also fails when a token went to another service, or the authority was
// asked about itself.
func (p *play) asked(want, grant string) error {
	n := 0
	for _, r := range p.authority.Asked() {
		if r.Grant == grant {
			n++
		}
		if r.Path == "/common/discovery/instance" {
			return errors.New("a private authority was asked about itself")
		}
	}
	if strconv.Itoa(n) != want {
		return fmt.Errorf("the authority was asked %d times by %s, want %s: %+v", n, grant, want, p.authority.Asked())
	}
	return nil
}

// certificate writes a new certificate with its key.
func (p *play) certificate(path string, words []string) error {
	until, known, password := time.Now().Add(time.Hour), true, ""
	for i, word := range words {
		switch word {
		case "expired":
			until = time.Now().Add(-time.Hour)
		case "unknown":
			known = false
		case "password":
			password = words[i+1]
		}
	}
	cert, key, err := graphtest.NewCertificate(time.Now().Add(-48*time.Hour), until)
	if err != nil {
		return err
	}
	if known {
		p.app.Certificates = append(p.app.Certificates, cert)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if password != "" {
		data, err = pkcs12.Modern.Encode(key, cert, nil, password)
	} else {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})...)
	}
	return errors.Join(err, os.WriteFile(path, data, 0o600))
}

// openBrowser is a browser in which somebody agrees to everything. What it
// prints is no result of lictrail.
func openBrowser(address string) int {
	fmt.Println("Opening in existing browser session.")
	resp, err := http.Get(address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	back := formAction.FindStringSubmatch(string(page))
	if err != nil || back == nil {
		return 1
	}
	form := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(string(page), -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	resp, err = http.PostForm(html.UnescapeString(back[1]), form)
	if err != nil {
		return 1
	}
	resp.Body.Close()
	return 0
}

var (
	formAction = regexp.MustCompile(`action="([^"]*)"`)
	formField  = regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`)
)
