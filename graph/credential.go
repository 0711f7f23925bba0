package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Environment variables that --auth token reads: a token is good for one
// service only, and must not be shown to another.
const (
	TokenVariable         = "LICTRAIL_ACCESS_TOKEN"   // for Graph
	ActivityTokenVariable = "LICTRAIL_ACTIVITY_TOKEN" // for the Management Activity API
)

// Credential gives access tokens. It caches and refreshes them by itself.
type Credential = azcore.TokenCredential

// CredentialOptions is what a credential may need to know.
type CredentialOptions struct {
	TenantID      string
	ClientID      string
	AuthorityHost string              // "" means the global cloud's
	Getenv        func(string) string // where secrets come from, never flags; nil means os.Getenv
	TokenVariable string              // where a ready token is; "" means TokenVariable
}

// credentialKinds has a row for each way to sign in.
var credentialKinds = map[string]func(CredentialOptions) (Credential, error){
	"token":   newTokenCredential,
	"default": newDefaultCredential,
}

// CredentialKinds lists the ways to sign in, sorted.
func CredentialKinds() []string { return slices.Sorted(maps.Keys(credentialKinds)) }

// NewCredential returns the credential of a kind that [CredentialKinds] lists.
// It contacts no host; errors are [ErrAuth].
func NewCredential(kind string, o CredentialOptions) (Credential, error) {
	newKind, ok := credentialKinds[kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown kind of sign-in %q: want %s",
			ErrAuth, kind, strings.Join(CredentialKinds(), ", "))
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	cred, err := newKind(o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuth, tidy(err))
	}
	return cred, nil
}

// readyToken is a bearer token that the caller made elsewhere.
type readyToken struct{ get func() string }

func newTokenCredential(o CredentialOptions) (Credential, error) {
	name := cmp.Or(o.TokenVariable, TokenVariable)
	c := readyToken{func() string { return strings.TrimSpace(o.Getenv(name)) }}
	switch token := c.get(); {
	case token == "":
		return nil, fmt.Errorf("environment variable %s is not set", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fmt.Errorf("environment variable %s holds something that is no token: it has spaces, line breaks or other characters in it", name)
	}
	return c, nil
}

// GetToken returns the token as it stands in the environment now. When it
// expires is not looked at: Graph will say.
func (c readyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.get(), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func newDefaultCredential(o CredentialOptions) (Credential, error) {
	options := &azidentity.DefaultAzureCredentialOptions{TenantID: o.TenantID}
	if o.AuthorityHost != "" {
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: o.AuthorityHost}
		options.DisableInstanceDiscovery = !knownAuthority(o.AuthorityHost)
	}
	return azidentity.NewDefaultAzureCredential(options)
}

// claimsKey carries the claims of a 401's challenge to [challenged.GetToken].
type claimsKey struct{}

// challenged passes the claims that Graph asked for on to the credential,
// which then leaves its cached token aside (continuous access evaluation).
type challenged struct{ Credential }

// GetToken implements [Credential].
func (c challenged) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if claims, ok := ctx.Value(claimsKey{}).(string); ok && claims != "" {
		o.Claims = claims
	}
	return c.Credential.GetToken(ctx, o)
}

// outageWords are how network trouble reads once azidentity has made it text.
var outageWords = []string{"dial tcp", "no such host", "connection re", "i/o timeout", "TLS handshake timeout", "unexpected EOF"}

// signInOutage reports whether a token could not be had because the place that
// issues it was out of reach, as opposed to it saying no.
func signInOutage(err error) bool {
	if netErr := net.Error(nil); errors.As(err, &netErr) {
		return true
	}
	failed := (*azidentity.AuthenticationFailedError)(nil)
	if !errors.As(err, &failed) {
		return false
	}
	if resp := failed.RawResponse; resp != nil {
		return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	}
	text := err.Error()
	// A chain that tried everything in vain also lists time-outs, of the
	// managed identity endpoint that most machines do not have.
	return !strings.Contains(text, "Attempted credentials") &&
		slices.ContainsFunc(outageWords, func(w string) bool { return strings.Contains(text, w) })
}
