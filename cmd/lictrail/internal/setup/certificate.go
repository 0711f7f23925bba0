package setup

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"lictrail/internal/private"
)

// Certificate is a certificate in two files: Key, which also has the private key
// and is its owner's alone, and Public, which goes to the application.
type Certificate struct {
	Key, Public string
	Until       time.Time
}

// lifetime of a certificate. Entra takes any; a year is what most rules ask for.
const lifetime = 365 * 24 * time.Hour

// keyBits is what NIST calls good beyond 2030.
const keyBits = 3072

// NewCertificate makes a self-signed certificate in a folder. It never replaces
// one: whoever uses that would be locked out.
func NewCertificate(dir string, now time.Time) (*Certificate, error) {
	c := &Certificate{Key: filepath.Join(dir, "lictrail.pem"), Public: filepath.Join(dir, "lictrail.crt"), Until: now.Add(lifetime).UTC().Truncate(time.Second)}
	for _, path := range []string{c.Key, c.Public} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return nil, fmt.Errorf("make the certificate %s: %w", path, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the certificate: %w", err)
	}
	certificate, key, err := selfSigned(now.UTC(), c.Until)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if err := private.WriteFile(c.Key, append(certificate, key...)); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.Public, certificate, 0o644); err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	return c, nil
}

// selfSigned returns a certificate and its key as PEM.
func selfSigned(from, until time.Time) (certificate, key []byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "lictrail"},
		NotBefore: from.Add(-5 * time.Minute), NotAfter: until, // a clock may be ahead
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
