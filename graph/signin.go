package graph

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/go-json-experiment/json"
	"github.com/pkg/browser"
	"software.sslmate.com/src/go-pkcs12"
)

// sdk returns the options of all of azidentity's credentials. Repeating is for
// the reader of this package, which has patience.
func (o CredentialOptions) sdk() azcore.ClientOptions {
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: o.AuthorityHost},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "lictrail"},
	}
	options.Transport = listener{o.transport()}
	if o.AuthorityHost == "" {
		options.Cloud = cloud.AzurePublic
	}
	return options
}

// transport sends what a sign-in asks, no secret of which follows a redirect.
func (o CredentialOptions) transport() policy.Transporter {
	if o.HTTP != nil {
		return o.HTTP
	}
	return &http.Client{CheckRedirect: noRedirect}
}

// private reports whether the authority is none of Microsoft's, who therefore
// must not be asked about it.
func (o CredentialOptions) private() bool {
	_, known := ofAuthority(o.AuthorityHost)
	return o.AuthorityHost != "" && !known
}

func newSecretCredential(o CredentialOptions) (Credential, error) {
	secret, err := o.secret(secretVariable)
	if err != nil {
		return nil, err
	}
	err = need("secret", o.tenant(), o.client(), given{secret, secretVariable + " or " + secretVariable + fileSuffix})
	if err != nil {
		return nil, err
	}
	return azidentity.NewClientSecretCredential(o.TenantID, o.ClientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private()})
}

// certificate is the file that holds it; "" when none is named.
func (o CredentialOptions) certificate() string {
	if o.Certificate != "" {
		return o.Certificate
	}
	return o.Getenv(CertificateVariable)
}

func newCertificateCredential(o CredentialOptions) (Credential, error) {
	path := o.certificate()
	err := need("certificate", o.tenant(), o.client(), given{path, "--certificate or " + CertificateVariable})
	if err != nil {
		return nil, err
	}
	if InStore(path) {
		return newStoreCredential(o, path, openStored)
	}
	password, err := o.secret(passwordVariable)
	if err != nil {
		return nil, err
	}
	data, err := o.ReadFile(path, true)
	if err != nil {
		return nil, advisedOn(fmt.Errorf("read the certificate: %w", err), "check --certificate or "+CertificateVariable+", and that this account may read the file")
	}
	certs, key, err := parseCertificate(data, password)
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", path, err)
	}
	sendChain := strings.ToLower(o.Getenv(sendChainVariable))
	return azidentity.NewClientCertificateCredential(o.TenantID, o.ClientID, certs, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private(), SendCertificateChain: sendChain == "1" || sendChain == "true"})
}

const hintPEM = "put the certificate and its unencrypted private key into one PEM file, or both into a PFX file with a password"

// parseCertificate reads PEM, or PFX as Windows and OpenSSL write it: of
// azidentity's own reader the newer OpenSSL's files are not understood.
func parseCertificate(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if block, _ := pem.Decode(data); block == nil {
		return parsePFX(data, password)
	}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, nil, hinted(errors.New("the private key is encrypted, which is not supported in PEM"),
				"make it a PFX file: openssl pkcs12 -export -in FILE.pem -out FILE.pfx")
		}
	}
	certs, key, err := azidentity.ParseCertificates(data, nil)
	if err != nil {
		return nil, nil, hinted(err, hintPEM)
	}
	return leafFirst(certs, key)
}

func parsePFX(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return nil, nil, hinted(errors.New("it has a password, and none was given"), "set "+passwordVariable+" or "+passwordVariable+fileSuffix)
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, hinted(errors.New("the password is wrong"), "check "+passwordVariable+" or "+passwordVariable+fileSuffix)
	case err != nil:
		return nil, nil, hinted(fmt.Errorf("neither PEM nor PFX with a certificate and its private key%s", reasonPFX(err)), hintPEM)
	}
	return leafFirst(append([]*x509.Certificate{leaf}, chain...), key)
}

// reasonPFX is why a file is no PFX, if that says something to a person: where in
// a file of another form the decoder of ASN.1 gave up does not.
func reasonPFX(err error) string {
	if strings.Contains(err.Error(), "asn1: ") {
		return ""
	}
	return ": " + strings.TrimPrefix(err.Error(), "pkcs12: ")
}

// leafFirst puts the certificate that the key belongs to first, as azidentity
// wants it. Entra takes RSA keys only.
func leafFirst(certs []*x509.Certificate, key crypto.PrivateKey) ([]*x509.Certificate, crypto.PrivateKey, error) {
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, hinted(errors.New("the private key is not of RSA, as Microsoft Entra wants it"), "make a new certificate with an RSA key of at least 2048 bits")
	}
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return private.PublicKey.Equal(c.PublicKey) })
	if i < 0 {
		return nil, nil, hinted(errors.New("the private key belongs to no certificate in the file"), hintPEM)
	}
	leaf := certs[i]
	return append([]*x509.Certificate{leaf}, slices.Delete(certs, i, i+1)...), key, nil
}

func newManagedIdentity(o CredentialOptions) (Credential, error) {
	return o.managedIdentity(10 * time.Second)
}

// managedIdentity waits so long for the machine to show that it has any.
func (o CredentialOptions) managedIdentity(patience time.Duration) (Credential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o.sdk()}
	// azidentity's own: made for the endpoint that is not there yet just after a
	// start, and for the pinned certificate of Service Fabric.
	options.Retry, options.Transport = policy.RetryOptions{}, nil
	if o.ClientID != "" {
		options.ID = azidentity.ClientID(o.ClientID)
	}
	cred, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil {
		return nil, err
	}
	if source, err := managedidentity.GetSource(); err != nil || source != managedidentity.DefaultToIMDS {
		return cred, err
	}
	return &probed{cred, patience}, nil
}

// metadataService is where a virtual machine in Azure asks for the tokens of
// its managed identity. Elsewhere nothing answers, and azidentity would wait
// for minutes.
const metadataService = "http://169.254.169.254/metadata/identity/oauth2/token"

// probed is a managed identity that is asked only once something answers.
type probed struct {
	Credential
	patience time.Duration // 0: it answered
}

// GetToken implements [Credential].
func (c *probed) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.patience > 0 {
		if err := probeMetadata(ctx, c.patience); err != nil {
			return azcore.AccessToken{}, azidentity.NewCredentialUnavailableError("there is no managed identity here: " + tidy(err).Error())
		}
		c.patience = 0
	}
	return c.Credential.GetToken(ctx, o)
}

// probeMetadata sends a request that lacks the header which a real one has, and
// which the service must therefore call a bad one. See
// learn.microsoft.com/azure/virtual-machines/instance-metadata-service.
func probeMetadata(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataService, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{} // a proxy would answer for it
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("what answers there is something else (HTTP %d)", resp.StatusCode)
	}
	return nil
}

func newWorkloadIdentity(o CredentialOptions) (Credential, error) {
	file := o.variable(federatedFileVariable)
	if err := need("workload-identity", o.tenant(), o.client(), file); err != nil {
		return nil, err
	}
	get := func(context.Context) (string, error) {
		// Kubernetes lets others in the container read it, and replaces it every hour.
		token, err := o.ReadFile(file.value, false)
		if err != nil {
			return "", advisedOn(fmt.Errorf("read the file that %s names: %w", federatedFileVariable, err), "check the path, and that this account may read it")
		}
		return strings.TrimSpace(string(token)), nil
	}
	if _, err := get(context.Background()); err != nil {
		return nil, err
	}
	return azidentity.NewClientAssertionCredential(o.TenantID, o.ClientID, get,
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private()})
}

func newGitHubActions(o CredentialOptions) (Credential, error) {
	address, token := o.variable(gitHubURLVariable), o.variable(gitHubTokenVariable)
	if err := need("github-actions", o.tenant(), o.client()); err != nil {
		return nil, err
	}
	if address.value == "" || token.value == "" {
		return nil, hinted(fmt.Errorf("--auth github-actions lacks %s and %s", gitHubURLVariable, gitHubTokenVariable),
			"give the job the permission \"id-token: write\"; these variables exist in GitHub Actions only")
	}
	u, err := url.Parse(address.value)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, fmt.Errorf("%s is not an https address", gitHubURLVariable)
	}
	query := u.Query()
	query.Set("audience", federationAudience(o.AuthorityHost))
	u.RawQuery = query.Encode()
	get := func(ctx context.Context) (string, error) { return o.gitHubToken(ctx, u.String(), token.value) }
	return azidentity.NewClientAssertionCredential(o.TenantID, o.ClientID, get,
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private()})
}

// gitHubToken asks GitHub to say who this job is. See
// docs.github.com/actions/reference/security/oidc.
func (o CredentialOptions) gitHubToken(ctx context.Context, address, bearer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", tidy(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Accept", "application/json; api-version=2.0")
	resp, err := o.transport().Do(req)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for the identity of this job: %w", tidy(err))
	}
	defer resp.Body.Close()
	var answer struct {
		Value string `json:"value"`
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask GitHub for the identity of this job: HTTP %d", resp.StatusCode)
	}
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, maxErrorBody), &answer); err != nil || answer.Value == "" {
		return "", errors.New("ask GitHub for the identity of this job: the answer has no token")
	}
	return answer.Value, nil
}

func newAzureCLI(o CredentialOptions) (Credential, error) {
	return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: o.TenantID})
}

func newDeviceCode(o CredentialOptions) (Credential, error) {
	prompt := o.Prompt
	if prompt == nil {
		prompt = func(message string) { fmt.Fprintln(os.Stderr, message) }
	}
	return azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private(), TenantID: o.TenantID, ClientID: o.ClientID,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			prompt(m.Message)
			return nil
		},
	})
}

func newBrowser(o CredentialOptions) (Credential, error) {
	browser.Stdout = os.Stderr // what a browser prints is no result
	return azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
		ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private(), TenantID: o.TenantID, ClientID: o.ClientID,
	})
}

// links are the parts of the default chain that AZURE_TOKEN_CREDENTIALS can
// name, one by one or as a group.
var links = []struct{ name, group string }{
	{"EnvironmentCredential", "prod"}, {"WorkloadIdentityCredential", "prod"}, {"ManagedIdentityCredential", "prod"},
	{"AzureCLICredential", "dev"}, {"AzureDeveloperCLICredential", "dev"}, {"AzurePowerShellCredential", "dev"},
}

// chosenLinks are those that may be tried: all, unless the variable says otherwise.
func (o CredentialOptions) chosenLinks() (map[string]bool, error) {
	want := o.Getenv(ChainVariable)
	chosen := map[string]bool{}
	for _, l := range links {
		if want == "" || want == l.group || strings.EqualFold(want, l.name) {
			chosen[l.name] = true
		}
	}
	if len(chosen) == 0 {
		return nil, hinted(fmt.Errorf("%s is %q, which names nothing", ChainVariable, want), "set it to dev, prod or the name of a credential such as AzureCLICredential")
	}
	return chosen, nil
}

// newDefaultCredential finds a way to sign in in the order of azidentity's
// default chain, whose own reads no flags. What is set up is used and, where
// it does not work, reported: only what needs no setting up is tried in turn.
func newDefaultCredential(o CredentialOptions) (Credential, error) {
	chosen, err := o.chosenLinks()
	if err != nil {
		return nil, err
	}
	set := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return o.Getenv(name) == "" })
	}
	switch environment, federated := chosen["EnvironmentCredential"], chosen["WorkloadIdentityCredential"]; {
	case environment && o.Certificate != "":
		return newCertificateCredential(o)
	case environment && (set(secretVariable) || set(secretVariable+fileSuffix)):
		return newSecretCredential(o)
	case environment && set(CertificateVariable):
		return newCertificateCredential(o)
	case federated && set(federatedFileVariable):
		return newWorkloadIdentity(o)
	case federated && set(gitHubURLVariable, gitHubTokenVariable) && o.TenantID != "" && o.ClientID != "":
		return newGitHubActions(o)
	}
	return o.chain(chosen)
}

// chain tries what needs no setting up.
func (o CredentialOptions) chain(chosen map[string]bool) (Credential, error) {
	var sources []azcore.TokenCredential
	for _, link := range []struct {
		name string
		make func() (Credential, error)
	}{
		{"ManagedIdentityCredential", func() (Credential, error) { return o.managedIdentity(time.Second) }},
		{"AzureCLICredential", func() (Credential, error) { return optionally(newAzureCLI(o)) }},
		{"AzureDeveloperCLICredential", func() (Credential, error) {
			return optionally(azidentity.NewAzureDeveloperCLICredential(&azidentity.AzureDeveloperCLICredentialOptions{TenantID: o.TenantID}))
		}},
		{"AzurePowerShellCredential", func() (Credential, error) {
			return optionally(azidentity.NewAzurePowerShellCredential(&azidentity.AzurePowerShellCredentialOptions{TenantID: o.TenantID}))
		}},
	} {
		if !chosen[link.name] {
			continue
		}
		cred, err := link.make()
		if err != nil {
			return nil, err
		}
		sources = append(sources, cred)
	}
	if len(sources) == 0 {
		return nil, hinted(fmt.Errorf("nothing to sign in with is set up, and %s leaves nothing else to try", ChainVariable), hintDefault)
	}
	return azidentity.NewChainedTokenCredential(sources, nil)
}

const hintDefault = "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or a certificate, or sign in with az login (docs/sign-in.md)"

// optional is a credential that a chain may go past, whatever its error.
type optional struct{ Credential }

func optionally[C Credential](cred C, err error) (Credential, error) { return optional{cred}, err }

// GetToken implements [Credential].
func (c optional) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.Credential.GetToken(ctx, o)
	if err != nil && ctx.Err() == nil {
		err = azidentity.NewCredentialUnavailableError(err.Error())
	}
	return token, err
}
