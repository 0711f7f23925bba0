package graph

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// storeDrive is what PowerShell calls the certificate store of Windows.
const storeDrive = `cert:\`

// InStore reports whether a certificate is one of the certificate store of Windows,
// such as Cert:\LocalMachine\My\THUMBPRINT, and not a file.
func InStore(certificate string) bool {
	return len(certificate) >= len(storeDrive) && strings.EqualFold(certificate[:len(storeDrive)], storeDrive)
}

// storePlace is where a certificate is in the store of Windows.
type storePlace struct {
	machine    bool   // else the user's own
	store      string // such as My
	thumbprint []byte // the SHA-1 of the certificate
}

func placeInStore(certificate string) (storePlace, error) {
	parts := strings.Split(certificate[len(storeDrive):], `\`)
	if len(parts) != 3 || parts[1] == "" {
		return storePlace{}, errors.New(`it is not named as Cert:\CurrentUser\My\THUMBPRINT or Cert:\LocalMachine\My\THUMBPRINT`)
	}
	p := storePlace{machine: strings.EqualFold(parts[0], "LocalMachine"), store: parts[1]}
	if !p.machine && !strings.EqualFold(parts[0], "CurrentUser") {
		return p, fmt.Errorf("%q is neither CurrentUser nor LocalMachine", parts[0])
	}
	var err error
	if p.thumbprint, err = hex.DecodeString(parts[2]); err != nil || len(p.thumbprint) != 20 {
		return p, errors.New("its thumbprint is not 40 digits of 0 to 9 and A to F")
	}
	return p, nil
}

// storedKey is a certificate with its key, which may never leave the store.
type storedKey struct {
	certificate *x509.Certificate
	signer      crypto.Signer
	close       func()
}

const hintStore = `Get-ChildItem Cert:\CurrentUser\My, Cert:\LocalMachine\My lists the certificates; the account that runs lictrail must be allowed to use the key`

// newStoreCredential signs in with a certificate of the store of Windows. The key of
// azidentity's own credential must be a *rsa.PrivateKey, which a key that cannot be
// exported never is: so what says who we are is signed here, by the store.
func newStoreCredential(o CredentialOptions, certificate string, open func(storePlace) (*storedKey, error)) (Credential, error) {
	place, err := placeInStore(certificate)
	if err != nil {
		return nil, hinted(fmt.Errorf("certificate %q: %w", certificate, err), hintStore)
	}
	get := func(context.Context) (string, error) {
		key, err := open(place)
		if err != nil {
			return "", hinted(fmt.Errorf("certificate %q: %w", certificate, err), hintStore)
		}
		defer key.close()
		return assertion(key, o, time.Now())
	}
	if _, err := get(context.Background()); err != nil {
		return nil, err
	}
	return azidentity.NewClientAssertionCredential(o.TenantID, o.ClientID, get,
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: o.sdk(), DisableInstanceDiscovery: o.private()})
}

// assertionTime is for how long a statement may be used. Each serves once.
const assertionTime = 10 * time.Minute

// assertion is a signed statement that we are the application: see
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
func assertion(key *storedKey, o CredentialOptions, now time.Time) (string, error) {
	public, ok := key.certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return "", errors.New("its key is not an RSA key, the only kind that Entra takes")
	}
	if now.After(key.certificate.NotAfter) {
		return "", fmt.Errorf("it ended on %s", key.certificate.NotAfter.UTC().Format(time.DateOnly))
	}
	sum := sha256.Sum256(key.certificate.Raw)
	header := map[string]string{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	claims := map[string]any{"aud": strings.TrimSuffix(o.sdk().Cloud.ActiveDirectoryAuthorityHost, "/") + "/" + o.TenantID + "/oauth2/v2.0/token", "iss": o.ClientID, "sub": o.ClientID,
		"jti": rand.Text(), "nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(), "exp": now.Add(assertionTime).Unix()}
	var parts []string
	for _, part := range []any{header, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	signed := strings.Join(parts, ".")
	digest := sha256.Sum256([]byte(signed))
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	signature, err := key.signer.Sign(rand.Reader, digest[:], pss)
	if err != nil {
		return "", fmt.Errorf("sign with its key: %w", err)
	}
	if err := rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, pss); err != nil {
		return "", errors.New("what its key has signed does not fit the certificate")
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
