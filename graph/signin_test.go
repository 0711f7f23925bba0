package graph

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"lictrail/graph/graphtest"
)

const (
	appID      = "3f7f2c0e-9a51-4b7e-8d0a-5b0c6a1f2d34"
	goodSecret = "very.Secret~1234567890abcdefghijklmnopq"
	oldSecret  = "an.Old~Secret7890abcdefghijklmnopqrstuv"
)

// entra is a simulated tenant with the authority that issues its tokens.
type entra struct {
	*graphtest.Authority
	app    *graphtest.App
	server *graphtest.Server
	graph  string
	host   string
	env    map[string]string
	users  int

	mu   sync.Mutex
	fast time.Duration // by how much the authority's clock is ahead
}

func (e *entra) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Add(e.fast)
}

func (e *entra) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fast += d
}

func newEntra(t *testing.T, options ...graphtest.Option) *entra {
	t.Helper()
	tenant := graphtest.New(1)
	tenant.Populate(23, 3)
	e := &entra{users: len(tenant.UserIDs())}
	a, err := graphtest.NewAuthority(tenant.ID, e.now)
	if err != nil {
		t.Fatal(err)
	}
	e.Authority = a
	if e.host, err = a.Start(); err != nil {
		t.Fatal(err)
	}
	e.server = graphtest.NewServer(tenant, append(options, graphtest.WithAuthority(a))...)
	if e.graph, err = e.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errors.Join(e.server.Close(), a.Close()) })
	e.app = &graphtest.App{Secrets: []graphtest.AppSecret{
		{Value: goodSecret, Expires: time.Now().Add(time.Hour)}, {Value: oldSecret, Expires: time.Now().Add(-time.Hour)},
	}}
	a.Apps[appID] = e.app
	e.env = map[string]string{TenantVariable: tenant.ID, ClientVariable: appID}
	return e
}

// options are as the command line makes them.
func (e *entra) options() CredentialOptions {
	return CredentialOptions{
		TenantID: e.env[TenantVariable], ClientID: e.env[ClientVariable], AuthorityHost: e.host, HTTP: e.HTTP(),
		Getenv: func(name string) string { return e.env[name] },
	}
}

// client signs in by a kind, with patience for a slow machine.
func (e *entra) client(kind string, edit func(*CredentialOptions)) (*Client, error) {
	o := e.options()
	if edit != nil {
		edit(&o)
	}
	cred, err := NewCredential(kind, o)
	if err != nil {
		return nil, err
	}
	clock := newClock()
	return New(Options{Endpoint: e.graph, Credential: cred, PageSize: 5, Patience: time.Minute, Now: clock.now, Sleep: clock.sleep, Unpaced: true})
}

// read reads all users.
func (e *entra) read(kind string, edit func(*CredentialOptions)) error {
	c, err := e.client(kind, edit)
	if err != nil {
		return err
	}
	_, err = usersTo(context.Background(), c, &sinkOf{})
	return err
}

// tokens returns the grants by which tokens were asked for.
func (e *entra) tokens() (grants []string) {
	for _, r := range e.Asked() {
		if r.Grant != "" {
			grants = append(grants, r.Grant)
		}
	}
	return grants
}

// certificate registers a certificate and writes it with its key to a file, as
// PEM or, with a password, as PFX.
func (e *entra) certificate(t *testing.T, until time.Time, encoder *pkcs12.Encoder, password string) string {
	t.Helper()
	cert, key, err := graphtest.NewCertificate(time.Now().Add(-48*time.Hour), until)
	if err != nil {
		t.Fatal(err)
	}
	e.app.Certificates = append(e.app.Certificates, cert)
	if encoder == nil {
		return writeFile(t, "app.pem", pemOf(t, cert, key))
	}
	data, err := encoder.Encode(key, cert, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "app.pfx", data)
}

func pemOf(t *testing.T, cert *x509.Certificate, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSecret: a run asks for one token, never about the authority, and of the
// tenant's own authority only.
func TestSecret(t *testing.T) {
	for name, set := range map[string]func(e *entra){
		"variable": func(e *entra) { e.env[secretVariable] = goodSecret },
		"file":     func(e *entra) { e.env[secretVariable+fileSuffix] = writeFile(t, "secret", []byte(goodSecret+"\n")) },
		"domain":   func(e *entra) { e.env[secretVariable] = goodSecret; e.env[TenantVariable] = e.Domain },
	} {
		for _, kind := range []string{"secret", "default"} {
			e := newEntra(t)
			set(e)
			if err := e.read(kind, nil); err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			if got := e.tokens(); !slices.Equal(got, []string{"client_credentials"}) || len(e.server.Requests()) < 5 {
				t.Errorf("%s, %s: asked for tokens by %v", name, kind, got)
			}
			for _, r := range e.Asked() {
				if strings.Contains(r.Path, "instance") || r.Resource != "" && r.Resource+"/v1.0" != e.graph {
					t.Errorf("%s, %s: asked %+v", name, kind, r)
				}
			}
		}
	}
}

// TestFlagsBeatVariables: --auth default takes the application and tenant that
// it is told.
func TestFlagsBeatVariables(t *testing.T) {
	e := newEntra(t)
	e.env[secretVariable] = goodSecret
	tenant := e.env[TenantVariable]
	delete(e.env, TenantVariable)
	delete(e.env, ClientVariable)
	err := e.read("default", func(o *CredentialOptions) { o.TenantID, o.ClientID = tenant, appID })
	if err != nil {
		t.Error(err)
	}
}

// TestCertificate: every form in which people have them.
func TestCertificate(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, form := range map[string]struct {
		encoder  *pkcs12.Encoder
		password string
	}{
		"PEM": {}, "PFX of OpenSSL 3": {pkcs12.Modern, "p4ss"}, "PFX of Windows": {pkcs12.LegacyDES, "p4ss"}, "PFX of old": {pkcs12.LegacyRC2, "p4ss"},
		"PFX without password": {pkcs12.Modern, ""},
	} {
		e := newEntra(t)
		file := e.certificate(t, later, form.encoder, form.password)
		e.env[passwordVariable+fileSuffix] = writeFile(t, "password", []byte(form.password+"\r\n"))
		if form.password == "" {
			delete(e.env, passwordVariable+fileSuffix)
		}
		if err := e.read("certificate", func(o *CredentialOptions) { o.Certificate = file }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		e.env[CertificateVariable] = file
		if err := e.read("default", nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := e.tokens(); len(got) != 2 || e.Given() != 2 {
			t.Errorf("%s: %v, %d tokens", name, got, e.Given())
		}
	}
}

// TestCertificateFiles: what is wrong with a file is said, with what to do.
func TestCertificateFiles(t *testing.T) {
	e := newEntra(t)
	cert, key, err := graphtest.NewCertificate(time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := graphtest.NewCertificate(time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := pkcs12.Modern.Encode(key, cert, nil, "p4ss")
	if err != nil {
		t.Fatal(err)
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	for name, tc := range map[string]struct {
		data           []byte
		password       string
		message, hints string
	}{
		"nothing":        {nil, "", "neither PEM nor PFX", "PEM file"},
		"text":           {[]byte("hello"), "", "neither PEM nor PFX", "PEM file"},
		"no key":         {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), "", "no private key", "PEM file"},
		"another's key":  {pemOf(t, cert, otherKey), "", "belongs to no certificate", "PEM file"},
		"elliptic":       {pemOf(t, cert, curve), "", "not of RSA", "RSA key"},
		"encrypted":      {encrypted, "", "is encrypted", "openssl pkcs12"},
		"wrong password": {pfx, "sekrit", "password is wrong", "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		"no password":    {pfx, "", "it has a password", "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
	} {
		file := writeFile(t, "app", tc.data)
		e.env[passwordVariable] = tc.password
		err := e.read("certificate", func(o *CredentialOptions) { o.Certificate = file })
		if e := asError(t, err, ErrAuth); !strings.Contains(e.Error(), tc.message) || !strings.Contains(e.Hint, tc.hints) || strings.Contains(e.Error()+e.Hint, "sekrit") {
			t.Errorf("%s: %v; %s", name, e, e.Hint)
		}
	}
	err = e.read("certificate", func(o *CredentialOptions) { o.Certificate = "/nowhere/app.pem" })
	if e := asError(t, err, ErrAuth); !strings.Contains(e.Error(), "/nowhere/app.pem") || !strings.Contains(e.Hint, CertificateVariable) {
		t.Errorf("%v; %s", e, e.Hint)
	}
	if len(e.Asked()) != 0 {
		t.Errorf("the authority was asked: %+v", e.Asked())
	}
}

// TestRefusals: what the authority says becomes words that tell what to do.
func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		set         func(t *testing.T, e *entra) string // returns the kind
		code        string
		says, hints string
	}{
		"expired secret": {func(_ *testing.T, e *entra) string { e.env[secretVariable] = oldSecret; return "secret" }, "AADSTS7000222", "expired", "new client secret"},
		"wrong secret":   {func(_ *testing.T, e *entra) string { e.env[secretVariable] = "guessed-secret"; return "secret" }, "AADSTS7000215", "wrong", "not its id"},
		"expired certificate": {func(t *testing.T, e *entra) string {
			e.env[CertificateVariable] = e.certificate(t, time.Now().Add(-time.Hour), nil, "")
			return "certificate"
		}, "AADSTS700027", "certificate has expired", "--certificate"},
		"another certificate": {func(t *testing.T, e *entra) string {
			e.env[CertificateVariable] = e.certificate(t, time.Now().Add(time.Hour), nil, "")
			e.app.Certificates = nil
			return "certificate"
		}, "AADSTS700027", "not one of the application's", "upload"},
		"slow clock": {func(t *testing.T, e *entra) string {
			e.env[CertificateVariable] = e.certificate(t, time.Now().Add(100*time.Hour), nil, "")
			e.advance(time.Hour)
			return "certificate"
		}, "AADSTS700024", "not valid now", "clock"},
		"no such tenant": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.env[TenantVariable] = goodSecret, "fabrikam.example"
			return "secret"
		}, "AADSTS90002", "no such tenant", "--tenant"},
		"no tenant": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.env[TenantVariable] = goodSecret, "fabrikam"
			return "secret"
		}, "AADSTS900023", "no such tenant", "--tenant"},
		"no such application": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.env[ClientVariable] = goodSecret, "11111111-1111-4111-8111-111111111111"
			return "secret"
		}, "AADSTS700016", "does not know the application", "--client-id"},
		"another service": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.graph = goodSecret, "http://127.0.0.1:1/v1.0"
			return "secret"
		}, "AADSTS500011", "service that is to be read", "--graph-endpoint"},
		"conditional access": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.app.Refused = goodSecret, 53003
			return "secret"
		}, "AADSTS53003", "Conditional Access", "policy"},
		"multifactor": {func(_ *testing.T, e *entra) string { e.app.Public, e.app.Refused = true, 50076; return "device-code" }, "AADSTS50076", "multifactor", "--auth"},
		"consent":     {func(_ *testing.T, e *entra) string { e.app.Public, e.app.Refused = true, 65001; return "device-code" }, "AADSTS65001", "consent", "admin consent"},
		"no people":   {func(*testing.T, *entra) string { return "device-code" }, "AADSTS7000218", "not one that people", "public client"},
		"declined": {func(_ *testing.T, e *entra) string {
			e.app.Public, e.Fate = true, "authorization_declined"
			return "device-code"
		}, "AADSTS0", "declined", "accept"},
		"too late": {func(_ *testing.T, e *entra) string {
			e.app.Public, e.Fate = true, "expired_token"
			return "device-code"
		}, "AADSTS70020", "in time", "enter the code"},
		"a code that is not known": {func(_ *testing.T, e *entra) string {
			e.env[secretVariable], e.app.Refused = goodSecret, 99999
			return "secret"
		}, "AADSTS99999", "Access has been blocked", "--auth"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEntra(t)
			kind := tc.set(t, e)
			failed := asError(t, e.read(kind, func(o *CredentialOptions) { o.Prompt = func(string) {} }), ErrAuth)
			text := failed.Error() + failed.Hint
			if failed.Code != tc.code || failed.RequestID == "" || !strings.Contains(failed.Error(), tc.says) || !strings.Contains(failed.Hint, tc.hints) {
				t.Errorf("got %v\nhint %s", failed, failed.Hint)
			}
			for _, secret := range []string{goodSecret, oldSecret, "guessed-secret", "@", "eyJ"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q shows in %s", secret, text)
				}
			}
			if strings.ContainsAny(text, "\n\r{") || len(text) > 700 {
				t.Errorf("not for people: %s", text)
			}
			if len(e.server.Requests()) != 0 {
				t.Error("Graph was asked without a token")
			}
		})
	}
}

// TestMissing: what is missing is named, all at once, and no host is asked.
func TestMissing(t *testing.T) {
	for kind, want := range map[string][]string{
		"secret":            {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "--client-id", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET_FILE"},
		"certificate":       {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "--certificate", "AZURE_CLIENT_CERTIFICATE_PATH"},
		"workload-identity": {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"},
		"github-actions":    {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"},
		"token":             {"LICTRAIL_ACCESS_TOKEN"},
	} {
		_, err := NewCredential(kind, CredentialOptions{Getenv: func(string) string { return "" }})
		failed := asError(t, err, ErrAuth)
		for _, name := range want {
			if !strings.Contains(failed.Error(), name) || failed.Hint == "" {
				t.Errorf("%s: %s is not in %v", kind, name, failed)
			}
		}
	}
	e := newEntra(t)
	failed := asError(t, e.read("github-actions", nil), ErrAuth)
	if !strings.Contains(failed.Error(), gitHubURLVariable) || !strings.Contains(failed.Hint, "id-token: write") {
		t.Errorf("%v; %s", failed, failed.Hint)
	}
	e.env[secretVariable+fileSuffix] = "/nowhere/secret"
	if failed := asError(t, e.read("default", nil), ErrAuth); !strings.Contains(failed.Error(), "AZURE_CLIENT_SECRET_FILE") {
		t.Error(failed)
	}
	e.env[ChainVariable] = "none"
	if failed := asError(t, e.read("default", nil), ErrAuth); !strings.Contains(failed.Error(), ChainVariable) {
		t.Error(failed)
	}
}

// TestFederation: a workload whose word the application trusts, and one whose
// it does not.
func TestFederation(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const issuer, subject = "https://token.actions.githubusercontent.com", "repo:contoso/licenses:ref:refs/heads/main"
	sign := func(audience string) string {
		text, err := graphtest.SignStatement(key, issuer, subject, audience, time.Now(), time.Now().Add(10*time.Minute))
		if err != nil {
			t.Error(err)
		}
		return text
	}
	for name, trust := range map[string]graphtest.Trust{
		"":             {Issuer: issuer, Subject: subject, Audience: defaultFederation, Key: key.Public()},
		"AADSTS700211": {Issuer: issuer + "/", Subject: subject, Audience: defaultFederation, Key: key.Public()},
		"AADSTS700213": {Issuer: issuer, Subject: "repo:contoso/other", Audience: defaultFederation, Key: key.Public()},
		"AADSTS700212": {Issuer: issuer, Subject: subject, Audience: "api://other", Key: key.Public()},
	} {
		for _, kind := range []string{"workload-identity", "github-actions", "default"} {
			e := newEntra(t)
			e.app.Trusts = []graphtest.Trust{trust}
			if kind == "workload-identity" {
				e.env[federatedFileVariable] = writeFile(t, "token", []byte(sign(defaultFederation)))
			} else {
				e.env[gitHubURLVariable], e.env[gitHubTokenVariable] = e.JobEndpoint(sign), e.JobToken()
			}
			err := e.read(kind, nil)
			if name == "" {
				if err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				continue
			}
			if failed := asError(t, err, ErrAuth); failed.Code != name || !strings.Contains(failed.Hint, "federated credential") {
				t.Errorf("%s: %v; %s", kind, failed, failed.Hint)
			}
		}
	}
	e := newEntra(t)
	e.env[gitHubURLVariable], e.env[gitHubTokenVariable] = e.JobEndpoint(sign), "old-job-token"
	if failed := asError(t, e.read("github-actions", nil), ErrAuth); !strings.Contains(failed.Hint, "id-token: write") || strings.Contains(failed.Error(), "old-job-token") {
		t.Errorf("%v; %s", failed, failed.Hint)
	}
}

func TestFederationAudience(t *testing.T) {
	for host, want := range map[string]string{
		"":                                  "api://AzureADTokenExchange",
		"https://login.microsoftonline.com": "api://AzureADTokenExchange",
		"https://login.microsoftonline.us/": "api://AzureADTokenExchangeUSGov",
		"https://login.chinacloudapi.cn/":   "api://AzureADTokenExchangeChina",
		"https://login.private.example":     "api://AzureADTokenExchange",
	} {
		if got := federationAudience(host); got != want {
			t.Errorf("%q: got %s", host, got)
		}
	}
}

// TestManagedIdentity: the machine's own and one that is assigned to it.
func TestManagedIdentity(t *testing.T) {
	for name, tc := range map[string]struct {
		id   string
		kind string
		good bool
	}{
		"own": {"", "managed-identity", true}, "assigned": {appID, "managed-identity", true}, "unknown": {"22222222-2222-4222-8222-222222222222", "managed-identity", false},
		"found": {"", "default", true}, "assigned and found": {appID, "default", true},
	} {
		e := newEntra(t)
		e.Local[""], e.Local[appID] = "own", "assigned"
		for variable, value := range map[string]string{"IDENTITY_ENDPOINT": e.IdentityEndpoint(), "IDENTITY_HEADER": graphtest.IdentityHeader} {
			t.Setenv(variable, value)
			e.env[variable] = value
		}
		err := e.read(tc.kind, func(o *CredentialOptions) { o.ClientID = tc.id })
		if tc.good && (err != nil || len(e.tokens()) != 1) {
			t.Errorf("%s: %v, asked %+v", name, err, e.Asked())
		}
		if !tc.good {
			if failed := asError(t, err, ErrAuth); !strings.Contains(failed.Hint, "--client-id") || strings.Contains(failed.Error(), graphtest.IdentityHeader) {
				t.Errorf("%s: %v; %s", name, failed, failed.Hint)
			}
		}
	}
}

// TestDeviceCode: the person is asked once, whatever else is read then.
func TestDeviceCode(t *testing.T) {
	e := newEntra(t)
	e.app.Public, e.Polls = true, 2
	var asked []string
	for _, tenant := range []string{e.Tenant, ""} {
		if err := e.read("device-code", func(o *CredentialOptions) {
			o.TenantID, o.Prompt = tenant, func(m string) { asked = append(asked, m) }
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 2 || !strings.Contains(asked[0], "GRAPHTEST") || e.Given() != 2 {
		t.Errorf("asked %q, %d tokens, %v", asked, e.Given(), e.tokens())
	}
}

// TestTokenEnds: a token that ends, or is made worthless, in the middle of the
// pages is replaced, and every user is read.
func TestTokenEnds(t *testing.T) {
	for name, end := range map[string]func(*entra){
		"expired": func(e *entra) { e.advance(2 * time.Hour) },
		"revoked": func(e *entra) { e.Revoke() },
	} {
		var e *entra
		var once sync.Once
		e = newEntra(t, graphtest.WithHook(func(_ *graphtest.Tenant, r graphtest.Request) {
			if r.Page == 3 {
				once.Do(func() { end(e) })
			}
		}))
		e.app.Secrets[0].Expires = time.Now().Add(24 * time.Hour)
		e.env[secretVariable] = goodSecret
		c, err := e.client("secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		var sink sinkOf
		stats, err := usersTo(context.Background(), c, &sink)
		refused := 0
		for _, r := range e.server.Requests() {
			if r.Status == http.StatusUnauthorized {
				refused++
			}
		}
		if err != nil || stats.Rows != e.users || refused != 1 || e.Given() != 2 {
			t.Errorf("%s: %d users, %d refused, %d tokens: %v", name, stats.Rows, refused, e.Given(), err)
		}
	}
}

// TestShortTokens: tokens that live for less than the margin are asked for
// anew, each page, and none is used past its end.
func TestShortTokens(t *testing.T) {
	e := newEntra(t)
	e.Life, e.env[secretVariable] = time.Minute, goodSecret
	if err := e.read("secret", nil); err != nil {
		t.Fatal(err)
	}
	if got, want := e.Given(), len(e.server.Requests()); got != want {
		t.Errorf("%d tokens for %d requests", got, want)
	}
}

// TestRevokedForGood: a second refusal is the end, and says so.
func TestRevokedForGood(t *testing.T) {
	e := newEntra(t)
	e.env[secretVariable] = goodSecret
	c, err := e.client("secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Life = -time.Hour // it is past its end when it comes
	_, err = usersTo(context.Background(), c, &sinkOf{})
	if failed := asError(t, err, ErrAuth); failed.Status != 401 || strings.Contains(failed.Error(), "eyJ") {
		t.Error(failed)
	}
}

// TestOutOfReach: an authority that does not answer is an outage, one that is
// not to be trusted ends the run at once, and http is not even tried.
func TestOutOfReach(t *testing.T) {
	e := newEntra(t)
	e.env[secretVariable] = goodSecret
	for name, tc := range map[string]struct {
		host string
		http bool
		hint string
	}{
		"nobody there": {"https://127.0.0.1:1", true, "--patience"},
		"not trusted":  {e.host, false, "SSL_CERT_FILE"},
	} {
		err := e.read("secret", func(o *CredentialOptions) {
			o.AuthorityHost = tc.host
			if !tc.http {
				o.HTTP = &http.Client{}
			}
		})
		if failed := asError(t, err, ErrUnavailable); !strings.Contains(failed.Hint, tc.hint) {
			t.Errorf("%s: %v; %s", name, failed, failed.Hint)
		}
	}
	for _, host := range []string{"http://127.0.0.1:1", "https://user:pw@login.example", "login.example", "https://login.example/tenant", "https://login.example?x=1"} {
		if _, err := NewCredential("secret", CredentialOptions{AuthorityHost: host}); !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), ":pw") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestGarbledToken: an answer that is cut off does not take the token into the error.
func TestGarbledToken(t *testing.T) {
	token := strings.Repeat("eyJhbGciOi", 20)
	err := errors.New(`json decode error: unexpected end of JSON input: raw message was: {"access_token":"` + token)
	failed := (&reader{op: opUsers}).unsigned(err)
	if strings.Contains(failed.Error(), "eyJ") || !errors.Is(failed, ErrAuth) {
		t.Error(failed)
	}
	failed = (&reader{op: opUsers}).unsigned(errors.New("ann@contoso.example may not have " + token))
	if strings.Contains(failed.Error(), "eyJ") || strings.Contains(failed.Error(), "ann") {
		t.Error(failed)
	}
}

// TestClouds: the authority, Graph and the scope of a cloud belong together.
func TestClouds(t *testing.T) {
	for name, want := range map[string]struct{ graph, authority, feed string }{
		"global": {"https://graph.microsoft.com", "https://login.microsoftonline.com/", "https://manage.office.com"},
		"usgov":  {"https://graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.office365.us"},
		"dod":    {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.protection.apps.mil"},
		"china":  {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn/", ""},
	} {
		c, err := CloudByName(name)
		if err != nil || c.Endpoint != want.graph || c.AuthorityHost != want.authority || c.ActivityEndpoint != want.feed {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if (CredentialOptions{AuthorityHost: c.AuthorityHost}).private() {
			t.Errorf("%s: instance discovery is off", name)
		}
		cred := &fakeToken{tokens: []string{"x"}}
		client, err := New(Options{Endpoint: c.Endpoint, Credential: cred})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.SignIn(context.Background()); err != nil || cred.asked[0].Scopes[0] != want.graph+"/.default" {
			t.Errorf("%s: scope %v, %v", name, cred.asked, err)
		}
	}
	if len(clouds) != 4 {
		t.Errorf("test the rest of %v too", slices.Sorted(maps.Keys(clouds)))
	}
}
