package graphtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is made of it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	numbers "math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// statement is a signed statement of who somebody is: a JWT (RFC 7519).
type statement struct {
	signed    string // what the signature is for
	signature []byte
	header    struct {
		Alg  string `json:"alg"`
		Typ  string `json:"typ"`
		Key1 string `json:"x5t"`
		Key2 string `json:"x5t#S256"`
	}
	claims struct {
		Audience   string `json:"aud"`
		Issuer     string `json:"iss"`
		Subject    string `json:"sub"`
		ID         string `json:"jti"`
		Expires    int64  `json:"exp"`
		NotBefore  int64  `json:"nbf"`
		IssuedFrom int64  `json:"iat"`
	}
}

func parseStatement(text string) (*statement, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("not of three parts")
	}
	s := &statement{signed: parts[0] + "." + parts[1]}
	for i, into := range []any{&s.header, &s.claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, err
		}
	}
	var err error
	s.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return s, err
}

// verify checks the signature, which is RS256 or PS256 (RFC 7518).
func (s *statement) verify(key crypto.PublicKey) bool {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return false
	}
	sum := sha256.Sum256([]byte(s.signed))
	switch s.header.Alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], s.signature) == nil
	case "PS256":
		return rsa.VerifyPSS(public, crypto.SHA256, sum[:], s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return false
}

// names reports whether the statement says that it was signed with a certificate.
func (s *statement) names(c *x509.Certificate) bool {
	short, long := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // x5t is made of it
	is := func(text string, sum []byte) bool {
		return slices.Contains([]string{base64.RawURLEncoding.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum)}, text)
	}
	return is(s.header.Key1, short[:]) || is(s.header.Key2, long[:])
}

// skew is by how much clocks may differ.
const skew = 5 * time.Minute

// proveAssertion checks what an application, or one whom it trusts, signed. See
// learn.microsoft.com/entra/identity-platform/certificate-credentials.
func (a *Authority) proveAssertion(tenant string, app *App, client, text string) *refused {
	no := func(code int, format string, args ...any) *refused {
		return refuse(http.StatusUnauthorized, "invalid_client", code, format, args...)
	}
	s, err := parseStatement(text)
	if err != nil {
		return no(50027, "JWT token is invalid or malformed.")
	}
	now := a.now()
	if time.Unix(s.claims.Expires, 0).Add(skew).Before(now) || time.Unix(s.claims.NotBefore, 0).Add(-skew).After(now) {
		return no(700024, "Client assertion is not within its valid time range.")
	}
	if s.header.Key1 == "" && s.header.Key2 == "" {
		return a.proveTrust(app, s)
	}
	i := slices.IndexFunc(app.Certificates, s.names)
	switch {
	case i < 0:
		return no(700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]")
	case app.Certificates[i].NotAfter.Before(now):
		return no(700027, "The certificate with identifier used to sign the client assertion is expired on application. [Reason - The key used is expired.]")
	case !s.verify(app.Certificates[i].PublicKey):
		return no(700027, "Client assertion contains an invalid signature. [Reason - The signature does not fit the key.]")
	case s.claims.Issuer != client || s.claims.Subject != client:
		return no(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case s.claims.Audience != a.base+"/"+tenant+"/oauth2/v2.0/token" && s.claims.Audience != a.base+"/"+a.Tenant+"/v2.0":
		return no(700023, "Client assertion audience claim does not match Realm issuer.")
	case s.claims.ID == "":
		return no(50027, "JWT token is invalid or malformed: it has no 'jti'.")
	}
	return nil
}

// proveTrust checks what another issuer signed: a federated credential must
// name it, letter by letter.
func (a *Authority) proveTrust(app *App, s *statement) *refused {
	no := func(code int, what, has string) *refused {
		return refuse(http.StatusUnauthorized, "invalid_client", code, "No matching federated identity record found for presented assertion %s '%s'.", what, has)
	}
	left := slices.Clone(app.Trusts)
	for _, rule := range []struct {
		code      int
		what, has string
		of        func(Trust) string
	}{
		{700211, "issuer", s.claims.Issuer, func(t Trust) string { return t.Issuer }},
		{700213, "subject", s.claims.Subject, func(t Trust) string { return t.Subject }},
		{700212, "audience", s.claims.Audience, func(t Trust) string { return t.Audience }},
	} {
		left = slices.DeleteFunc(left, func(t Trust) bool { return rule.of(t) != rule.has })
		if len(left) == 0 {
			return no(rule.code, rule.what, rule.has)
		}
	}
	if !s.verify(left[0].Key) {
		return refuse(http.StatusUnauthorized, "invalid_client", 50013, "Assertion failed signature validation.")
	}
	return nil
}

// NewCertificate makes a self-signed certificate, as people make them for an
// application.
func NewCertificate(from, until time.Time) (*x509.Certificate, *rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	c := &x509.Certificate{SerialNumber: numbers.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: "lictrail"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	c, err = x509.ParseCertificate(der)
	return c, key, err
}

// SignStatement makes the token of a workload, as Kubernetes and GitHub do.
func SignStatement(key *rsa.PrivateKey, issuer, subject, audience string, from, until time.Time) (string, error) {
	part := func(v any) string {
		text, _ := json.Marshal(v) // maps of plain values
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]string{"alg": "RS256", "typ": "JWT", "kid": "1"}) + "." + part(map[string]any{
		"iss": issuer, "sub": subject, "aud": audience, "nbf": from.Unix(), "iat": from.Unix(), "exp": until.Unix(), "jti": rand.Text(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), err
}
