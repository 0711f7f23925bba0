package graphtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	numbers "math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// App is an application that is registered with an [Authority].
type App struct {
	Secrets      []AppSecret
	Certificates []*x509.Certificate
	Trusts       []Trust
	Public       bool     // people may sign in to it
	Redirects    []string // to where, with a browser
	Refused      int      // AADSTS code that answers every request with the right credentials; 0: none does
}

// AppSecret is a client secret.
type AppSecret struct {
	Value   string
	Expires time.Time
}

// Trust is a federated credential: whom an application takes for itself.
type Trust struct {
	Issuer, Subject, Audience string
	Key                       crypto.PublicKey // of the issuer
}

// AuthorityRequest is one request that an [Authority] received.
type AuthorityRequest struct {
	Path     string
	Grant    string // grant_type, without the beginning that grants of standards share
	ClientID string
	Resource string // what a token was asked for
	Code     int    // AADSTS code of the refusal; 0: none
}

// Authority issues tokens for one tenant as Microsoft Entra does, by OAuth 2.0
// over TLS with a certificate of its own; and, over plain HTTP, as the endpoint
// of managed identities in App Service. The time is given to it.
type Authority struct {
	Tenant string            // id
	Domain string            // another name of the tenant
	Apps   map[string]*App   // by client id
	Life   time.Duration     // of tokens; 0 means an hour
	Polls  int               // how often a device code is pending
	Fate   string            // error that ends a device code; "" means that somebody signs in
	Person string            // who signs in
	Local  map[string]string // client ids of the machine's managed identities; "" is its own

	now func() time.Time
	tls *tls.Certificate
	ca  []byte // PEM

	mu        sync.Mutex
	base      string // of TLS
	local     string // of managed identities
	resources map[string]bool
	tokens    map[string]*issued
	codes     map[string]*flow
	refresh   map[string]string // client ids by refresh token
	asked     []AuthorityRequest
	servers   []*http.Server
	jobs      func(audience string) string // tokens of GitHub
}

// issued is a token that was given out.
type issued struct {
	audience string
	until    time.Time
	revoked  bool
}

// flow is a sign-in of a person that goes on.
type flow struct {
	client, resource    string
	polls               int
	redirect, challenge string // of a browser
}

// IdentityHeader is what the endpoint of managed identities must be shown.
const IdentityHeader = "graphtest-identity-header"

// NewAuthority returns an authority for a tenant. Its time is that of now.
func NewAuthority(tenant string, now func() time.Time) (*Authority, error) {
	a := &Authority{
		Tenant: tenant, Domain: "contoso.example", Apps: map[string]*App{}, Local: map[string]string{}, Person: "ann@contoso.example", now: now,
		resources: map[string]bool{}, tokens: map[string]*issued{}, codes: map[string]*flow{}, refresh: map[string]string{},
	}
	return a, a.certify()
}

// certify makes a CA and a certificate for this machine.
func (a *Authority) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: numbers.NewInt(1), Subject: pkix.Name{CommonName: "graphtest authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: numbers.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), key)
	a.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	a.tls = &tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}
	return err
}

// Start serves on free ports of 127.0.0.1 and returns the authority host, with
// a slash at its end.
func (a *Authority) Start() (string, error) {
	secure, err := a.serve(http.HandlerFunc(a.answer), &tls.Config{Certificates: []tls.Certificate{*a.tls}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return "", err
	}
	local, err := a.serve(http.HandlerFunc(a.identity), nil)
	a.base, a.local = "https://"+secure, "http://"+local
	return a.base + "/", err
}

func (a *Authority) serve(h http.Handler, config *tls.Config) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start authority: %w", err)
	}
	address := l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	a.servers = append(a.servers, server)
	go func() { _ = server.Serve(l) }()
	return address, nil
}

// Close stops serving.
func (a *Authority) Close() error {
	var err error
	for _, s := range a.servers {
		err = errors.Join(err, s.Close())
	}
	return err
}

// CA returns the certificate, as PEM, that makes the authority one to trust.
func (a *Authority) CA() []byte { return a.ca }

// IdentityEndpoint is where managed identities ask for tokens.
func (a *Authority) IdentityEndpoint() string { return a.local + "/msi/token" }

// JobEndpoint is where jobs of GitHub Actions ask who they are; token makes
// the answer for an audience.
func (a *Authority) JobEndpoint(token func(audience string) string) string {
	a.jobs = token
	return a.base + "/github/job/1?api-version=2.0"
}

// HTTP returns a client that trusts the authority.
func (a *Authority) HTTP() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// Know lets tokens be asked for a service, named by its root.
func (a *Authority) Know(resource string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resources[resource] = true
}

// Register gives an application one more certificate.
func (a *Authority) Register(client string, c *x509.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Apps[client].Certificates = append(a.Apps[client].Certificates, c)
}

// Asked returns the requests so far.
func (a *Authority) Asked() []AuthorityRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// Given counts the tokens that were given out.
func (a *Authority) Given() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tokens)
}

// Revoke makes all tokens of before worthless.
func (a *Authority) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tokens {
		t.revoked = true
	}
}

// Issue gives out a token without a sign-in.
func (a *Authority) Issue(resource string) (token string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.issue("", resource)
}

func (a *Authority) life() time.Duration {
	if a.Life == 0 {
		return time.Hour
	}
	return a.Life
}

// issue gives out a token. The lock is held.
func (a *Authority) issue(client, resource string) (string, time.Time) {
	until := a.now().Add(a.life())
	token := jwt(map[string]any{"aud": resource, "appid": client, "tid": a.Tenant, "exp": until.Unix(), "uti": rand.Text()})
	a.tokens[token] = &issued{audience: resource, until: until}
	return token, until
}

// jwt returns a token whose signature nobody checks: it is recognized by its text.
func jwt(claims map[string]any) string {
	part := func(v any) string {
		text, _ := json.Marshal(v) // maps of plain values
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"typ": "JWT", "alg": "RS256"}) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte(rand.Text()+rand.Text()))
}

// refuse says why a service does not take a token; "" when it does.
func (a *Authority) refuse(token, resource string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tokens[token]
	switch {
	case t == nil:
		return "CompactToken parsing failed with error code: 80049217"
	case t.audience != resource:
		return "Access token validation failure. Invalid audience."
	case t.until.Before(a.now()):
		return "Lifetime validation failed, the token is expired."
	case t.revoked:
		return "TokenCreatedWithOutdatedPolicies"
	}
	return ""
}

// refused is an error of OAuth 2.0 with a code of Entra's.
type refused struct {
	status      int
	kind        string // such as invalid_client
	code        int
	description string
}

func refuse(status int, kind string, code int, format string, args ...any) *refused {
	return &refused{status, kind, code, fmt.Sprintf(format, args...)}
}

func (a *Authority) answer(w http.ResponseWriter, r *http.Request) {
	tenant, place, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	asked := AuthorityRequest{Path: r.URL.Path}
	reply, err := a.route(w, r, tenant, place, &asked)
	if err != nil {
		asked.Code = err.code
		reply = a.explain(err)
	}
	a.mu.Lock()
	a.asked = append(a.asked, asked)
	a.mu.Unlock()
	if reply == nil {
		return // it is written already
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	if err != nil {
		w.WriteHeader(err.status)
	}
	_ = json.NewEncoder(w).Encode(reply)
}

func (a *Authority) explain(e *refused) map[string]any {
	trace := "0b1c2d3e-4f50-4617-8a9b-0c1d2e3f4a5b"
	return map[string]any{
		"error": e.kind, "error_codes": []int{e.code}, "trace_id": trace, "correlation_id": trace, "timestamp": a.now().UTC().Format("2006-01-02 15:04:05Z"),
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", e.code, e.description, trace, trace,
			a.now().UTC().Format("2006-01-02 15:04:05Z")),
		"error_uri": fmt.Sprintf("%s/error?code=%d", a.base, e.code),
	}
}

func (a *Authority) route(w http.ResponseWriter, r *http.Request, tenant, place string, asked *AuthorityRequest) (any, *refused) {
	if tenant == "github" {
		return a.job(r)
	}
	if r.URL.Path == "/common/discovery/instance" { // what it answers to authorities that it does not know
		return nil, refuse(http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance.")
	}
	if err := a.tenancy(tenant); err != nil {
		return nil, err
	}
	switch place {
	case "v2.0/.well-known/openid-configuration":
		return a.discovery(tenant), nil
	case "oauth2/v2.0/authorize":
		return nil, a.authorize(w, r)
	case "oauth2/v2.0/token", "oauth2/v2.0/devicecode":
		form, err := readForm(r)
		if err != nil {
			return nil, err
		}
		asked.Grant, asked.ClientID = strings.TrimPrefix(form.Get("grant_type"), "urn:ietf:params:oauth:grant-type:"), form.Get("client_id")
		a.mu.Lock()
		defer a.mu.Unlock()
		if place == "oauth2/v2.0/devicecode" {
			return a.deviceCode(form, asked)
		}
		return a.token(tenant, form, asked)
	}
	return nil, refuse(http.StatusNotFound, "invalid_request", 900144, "There is no such place.")
}

// tenancy checks the tenant in an address.
func (a *Authority) tenancy(name string) *refused {
	switch {
	case strings.EqualFold(name, a.Tenant), strings.EqualFold(name, a.Domain), name == "organizations":
		return nil
	case !strings.ContainsAny(name, ".-"):
		return refuse(http.StatusBadRequest, "invalid_request", 900023, "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", name)
	}
	return refuse(http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", name)
}

func (a *Authority) discovery(tenant string) map[string]any {
	root := a.base + "/" + tenant
	issuer := a.base + "/" + a.Tenant + "/v2.0"
	if tenant == "organizations" {
		issuer = a.base + "/{tenantid}/v2.0"
	}
	return map[string]any{
		"issuer": issuer, "token_endpoint": root + "/oauth2/v2.0/token", "authorization_endpoint": root + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint": root + "/oauth2/v2.0/devicecode", "jwks_uri": root + "/discovery/v2.0/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	}
}

func readForm(r *http.Request) (url.Values, *refused) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", 900561, "The endpoint only accepts POST requests. Received a %s request.", r.Method)
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", 900144, "The body could not be read.")
	}
	form, err := url.ParseQuery(string(text))
	if err != nil || r.URL.RawQuery != "" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", 9000410, "Malformed JSON or form.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, refuse(http.StatusBadRequest, "invalid_request", 90100, "%s parameter is duplicated.", name)
		}
	}
	return form, nil
}

// application finds who asks.
func (a *Authority) application(form url.Values) (*App, *refused) {
	id := form.Get("client_id")
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	}
	app := a.Apps[id]
	if app == nil {
		return nil, refuse(http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory 'Contoso'.", id)
	}
	return app, nil
}

// resource finds for what a token is asked. Beside a service's .default only
// the scopes of OpenID may stand.
func (a *Authority) resource(form url.Values, asked *AuthorityRequest, person bool) (string, *refused) {
	if form.Get("scope") == "" {
		return "", refuse(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
	}
	found := ""
	for _, scope := range strings.Fields(form.Get("scope")) {
		service, ok := strings.CutSuffix(scope, "/.default")
		switch {
		case slices.Contains([]string{"openid", "profile", "offline_access"}, scope):
		case !ok && !person:
			return "", refuse(http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.", scope)
		case !ok || found != "":
			return "", refuse(http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: %s.", scope)
		default:
			found = service
		}
	}
	asked.Resource = found
	if !a.resources[found] {
		return "", refuse(http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named %s was not found in the tenant named Contoso.", found)
	}
	return found, nil
}

func (a *Authority) token(tenant string, form url.Values, asked *AuthorityRequest) (any, *refused) {
	app, err := a.application(form)
	if err != nil {
		return nil, err
	}
	switch asked.Grant {
	case "client_credentials":
		return a.forApplication(tenant, app, form, asked)
	case "device_code", "authorization_code", "refresh_token":
		return a.forPerson(app, form, asked)
	case "":
		return nil, refuse(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	return nil, refuse(http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", asked.Grant)
}

func (a *Authority) forApplication(tenant string, app *App, form url.Values, asked *AuthorityRequest) (any, *refused) {
	if tenant == "organizations" {
		return nil, refuse(http.StatusBadRequest, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials.")
	}
	resource, err := a.resource(form, asked, false)
	if err != nil {
		return nil, err
	}
	if err := a.prove(tenant, app, form); err != nil {
		return nil, err
	}
	if app.Refused != 0 {
		return nil, refuse(http.StatusBadRequest, "invalid_grant", app.Refused, "Access has been blocked for ann@contoso.example.")
	}
	token, _ := a.issue(form.Get("client_id"), resource)
	return map[string]any{"token_type": "Bearer", "expires_in": int(a.life().Seconds()), "ext_expires_in": int(a.life().Seconds()), "access_token": token}, nil
}

// prove checks that the application is who it says.
func (a *Authority) prove(tenant string, app *App, form url.Values) *refused {
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	switch {
	case secret != "" && assertion != "":
		return refuse(http.StatusBadRequest, "invalid_request", 90023, "Both a secret and an assertion were sent.")
	case secret != "":
		return a.proveSecret(app, secret, form.Get("client_id"))
	case assertion == "":
		return refuse(http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
		return refuse(http.StatusBadRequest, "invalid_request", 90023, "The client_assertion_type is not supported.")
	}
	return a.proveAssertion(tenant, app, form.Get("client_id"), assertion)
}

func (a *Authority) proveSecret(app *App, secret, client string) *refused {
	i := slices.IndexFunc(app.Secrets, func(s AppSecret) bool { return s.Value == secret })
	switch {
	case i < 0:
		return refuse(http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", client)
	case app.Secrets[i].Expires.Before(a.now()):
		return refuse(http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app.", client)
	}
	return nil
}

// identity answers as App Service does for managed identities. See
// learn.microsoft.com/azure/app-service/overview-managed-identity.
func (a *Authority) identity(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	query := r.URL.Query()
	asked := AuthorityRequest{Path: r.URL.Path, Grant: "identity", ClientID: query.Get("client_id"), Resource: query.Get("resource")}
	var status int
	var reply map[string]any
	_, local := a.Local[asked.ClientID]
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/msi/token":
		status, reply = http.StatusNotFound, map[string]any{"statusCode": 404, "message": "Not Found"}
	case r.Header.Get("X-IDENTITY-HEADER") != IdentityHeader:
		status, reply = http.StatusUnauthorized, map[string]any{"statusCode": 401, "message": "Unauthorized"}
	case query.Get("api-version") != "2019-08-01" || !a.resources[asked.Resource]:
		status, reply = http.StatusBadRequest, map[string]any{"statusCode": 400, "message": "Invalid api-version or resource"}
	case !local:
		status, reply = http.StatusBadRequest, map[string]any{"statusCode": 400, "message": "Identity not found: no User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."}
	default:
		token, until := a.issue(asked.ClientID, asked.Resource)
		status, reply = http.StatusOK, map[string]any{"access_token": token, "expires_on": fmt.Sprint(until.Unix()), "resource": asked.Resource, "token_type": "Bearer", "client_id": asked.ClientID}
	}
	a.asked = append(a.asked, asked)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(reply)
}

// jobBearer is what a job of GitHub Actions must show.
const jobBearer = "graphtest-job-request-token"

// JobToken is what a job of GitHub Actions has in ACTIONS_ID_TOKEN_REQUEST_TOKEN.
func (*Authority) JobToken() string { return jobBearer }

// job issues the identity token of a job of GitHub Actions.
func (a *Authority) job(r *http.Request) (any, *refused) {
	query := r.URL.Query()
	if a.jobs == nil || r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Authorization"), "Bearer "+jobBearer) || query.Get("api-version") != "2.0" {
		return nil, refuse(http.StatusUnauthorized, "unauthorized", 0, "Not authorized.")
	}
	return map[string]any{"value": a.jobs(query.Get("audience")), "count": 1}, nil
}
