package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Environment variables that --auth token reads: a token is good for one
// service only, and must not be shown to another.
const (
	TokenVariable         = "LICTRAIL_ACCESS_TOKEN"   // for Graph
	ActivityTokenVariable = "LICTRAIL_ACTIVITY_TOKEN" // for the Management Activity API
)

// Environment variables as azidentity's users know them. A secret may also lie
// in a file that the variable with fileSuffix names.
const (
	TenantVariable        = "AZURE_TENANT_ID"
	ClientVariable        = "AZURE_CLIENT_ID"
	AuthorityVariable     = "AZURE_AUTHORITY_HOST"
	secretVariable        = "AZURE_CLIENT_SECRET"
	CertificateVariable   = "AZURE_CLIENT_CERTIFICATE_PATH"
	passwordVariable      = "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	sendChainVariable     = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"
	federatedFileVariable = "AZURE_FEDERATED_TOKEN_FILE"
	ChainVariable         = "AZURE_TOKEN_CREDENTIALS"
	gitHubURLVariable     = "ACTIONS_ID_TOKEN_REQUEST_URL"
	gitHubTokenVariable   = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"

	fileSuffix = "_FILE"
)

// SecretFiles are the variables that name a file with a secret in it.
func SecretFiles() []string {
	return []string{secretVariable + fileSuffix, passwordVariable + fileSuffix, TokenVariable + fileSuffix, ActivityTokenVariable + fileSuffix}
}

// FederatedFile is the variable that names the file with a workload's token.
const FederatedFile = federatedFileVariable

// Credential gives access tokens. It caches and refreshes them by itself.
type Credential = azcore.TokenCredential

// CredentialOptions is what a credential may need to know.
type CredentialOptions struct {
	TenantID      string
	ClientID      string
	Certificate   string               // file, PEM or PFX; "" means what AZURE_CLIENT_CERTIFICATE_PATH names
	AuthorityHost string               // "" means the global cloud's
	Getenv        func(string) string  // where secrets come from, never flags; nil means os.Getenv
	TokenVariable string               // where a ready token is; "" means TokenVariable
	Prompt        func(message string) // asks a person to sign in with a code; nil means on stderr
	HTTP          policy.Transporter   // nil means azidentity's own client

	// ReadFile reads a file that a variable or Certificate names. It may refuse
	// one that others could have written or, if it holds a secret, could read; nil
	// means os.ReadFile.
	ReadFile func(path string, secret bool) ([]byte, error)
}

// credentialKinds has a row for each way to sign in.
var credentialKinds = map[string]func(CredentialOptions) (Credential, error){
	"default":           newDefaultCredential,
	"secret":            newSecretCredential,
	"certificate":       newCertificateCredential,
	"managed-identity":  newManagedIdentity,
	"workload-identity": newWorkloadIdentity,
	"github-actions":    newGitHubActions,
	"azure-cli":         newAzureCLI,
	"device-code":       newDeviceCode,
	"browser":           newBrowser,
	"token":             newTokenCredential,
}

// CredentialKinds lists the ways to sign in, sorted.
func CredentialKinds() []string { return slices.Sorted(maps.Keys(credentialKinds)) }

// NewCredential returns the credential of a kind that [CredentialKinds] lists.
// It contacts no host; errors are [ErrAuth], most of them *[Error] with a hint.
func NewCredential(kind string, o CredentialOptions) (Credential, error) {
	newKind, ok := credentialKinds[kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown kind of sign-in %q: want %s",
			ErrAuth, kind, strings.Join(CredentialKinds(), ", "))
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.ReadFile == nil {
		o.ReadFile = func(path string, _ bool) ([]byte, error) { return os.ReadFile(path) }
	}
	if o.AuthorityHost != "" {
		if err := CheckAuthority(o.AuthorityHost); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAuth, err)
		}
	}
	begin := func() (Credential, error) { return newKind(o) }
	cred, err := begin()
	if err != nil {
		return nil, noCredential(err)
	}
	if kind == "token" {
		return cred, nil
	}
	return &session{renew: begin, cred: cred, tokens: map[string]azcore.AccessToken{}}, nil
}

// CheckAuthority refuses what cannot be the root of an authority: tokens and
// secrets travel by https only.
func CheckAuthority(host string) error {
	u, err := url.Parse(host)
	switch {
	case err != nil:
		return fmt.Errorf("authority host: %w", tidy(err))
	case u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("authority host %q: want https://HOST", u.Redacted())
	}
	return nil
}

// session keeps the tokens of a credential, some of which keep none (each
// question to the Azure CLI starts a program), and makes the credential anew
// when the service refuses a token that by its date is good.
type session struct {
	renew func() (Credential, error)

	mu     sync.Mutex
	cred   Credential
	tokens map[string]azcore.AccessToken // by scope
}

// tokenMargin is how long before its end a token is not used any more. It is
// azidentity's.
const tokenMargin = 5 * time.Minute

// GetToken implements [Credential].
func (s *session) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scope := strings.Join(o.Scopes, " ")
	refused := renewalOf(ctx).wanted
	if t, ok := s.tokens[scope]; ok && !refused && time.Until(t.ExpiresOn) > tokenMargin {
		return t, nil
	}
	if refused && o.Claims == "" { // claims alone make a credential leave its cache aside
		cred, err := s.renew()
		if err != nil {
			return azcore.AccessToken{}, err
		}
		s.cred = cred
	}
	var h heard
	token, err := s.cred.GetToken(context.WithValue(ctx, heardKey{}, &h), o)
	if err != nil {
		return token, h.add(err)
	}
	s.tokens[scope] = token
	return token, nil
}

// renewal is what a 401 asks of the next token.
type renewal struct {
	wanted bool
	claims string // "" when the service did not say
}

// renewalKey carries a renewal to [challenged.GetToken].
type renewalKey struct{}

func renewalOf(ctx context.Context) renewal {
	r, _ := ctx.Value(renewalKey{}).(renewal)
	return r
}

// challenged passes the claims that Graph asked for on to the credential,
// which then leaves its cached token aside (continuous access evaluation).
type challenged struct{ Credential }

// GetToken implements [Credential].
func (c challenged) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if claims := renewalOf(ctx).claims; claims != "" {
		o.Claims = claims
	}
	return c.Credential.GetToken(ctx, o)
}

// secret returns a secret from its variable or from the file that another
// variable names; "" when there is neither.
func (o CredentialOptions) secret(variable string) (string, error) {
	if value := o.Getenv(variable); value != "" {
		return value, nil
	}
	path := o.Getenv(variable + fileSuffix)
	if path == "" {
		return "", nil
	}
	text, err := o.ReadFile(path, true)
	if err != nil {
		return "", advisedOn(fmt.Errorf("read the file that %s names: %w", variable+fileSuffix, err), "check the path, and that this account may read it")
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", hinted(fmt.Errorf("the file that %s names is empty", variable+fileSuffix), "put the secret into it, on one line")
	}
	return value, nil
}

// given is something that a kind of sign-in cannot do without.
type given struct {
	value string
	from  string // where a person can give it
}

func (o CredentialOptions) tenant() given { return given{o.TenantID, "--tenant or " + TenantVariable} }
func (o CredentialOptions) client() given {
	return given{o.ClientID, "--client-id or " + ClientVariable}
}

// variable is a value that only the environment gives.
func (o CredentialOptions) variable(name string) given { return given{o.Getenv(name), name} }

// need names all that is missing at once.
func need(kind string, all ...given) error {
	var missing []string
	for _, g := range all {
		if g.value == "" {
			missing = append(missing, g.from)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return hinted(fmt.Errorf("--auth %s lacks %s", kind, strings.Join(missing, "; ")), "set "+strings.Join(missing, "; set ")+" (docs/sign-in.md)")
}

// readyToken is a bearer token that the caller made elsewhere.
type readyToken struct{ get func() (string, error) }

func newTokenCredential(o CredentialOptions) (Credential, error) {
	name := cmp.Or(o.TokenVariable, TokenVariable)
	c := readyToken{func() (string, error) {
		token, err := o.secret(name)
		return strings.TrimSpace(token), err
	}}
	switch token, err := c.get(); {
	case err != nil:
		return nil, err
	case token == "":
		return nil, hinted(fmt.Errorf("environment variable %s is not set", name),
			"put a ready token into it, or sign in another way: --auth (docs/sign-in.md)")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fmt.Errorf("environment variable %s holds something that is no token: it has spaces, line breaks or other characters in it", name)
	}
	return c, nil
}

// GetToken returns the token as it stands in the environment, or in its file,
// now. When it expires is not looked at: Graph will say.
func (c readyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.get()
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, err
}

// advised is an error that knows what can be done.
type advised struct {
	error
	hint string
}

func (a advised) Unwrap() error { return a.error }

func hinted(err error, hint string) error { return advised{err, hint} }

// advisedOn gives an error a hint unless its cause has one of its own.
func advisedOn(err error, hint string) error {
	var known interface{ Advice() string }
	if errors.As(err, &known) && known.Advice() != "" {
		hint = known.Advice()
	}
	return hinted(err, hint)
}

// noCredential says why there is no credential at all.
func noCredential(err error) error {
	e := &Error{Op: opSigningIn, Err: kinded(ErrAuth, "sign in: %w", tidy(err))}
	if a := (advised{}); errors.As(err, &a) {
		e.Hint = a.hint
	}
	return e
}
