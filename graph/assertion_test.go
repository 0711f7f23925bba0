package graph

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what a thumbprint is
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"lictrail/graph/graphtest"
)

// TestPlaceInStore: a certificate is named as PowerShell names it.
func TestPlaceInStore(t *testing.T) {
	thumbprint := strings.Repeat("aB", 20)
	for name, want := range map[string]string{
		`Cert:\LocalMachine\My\` + thumbprint:           "true My",
		`cert:\currentuser\WebHosting\` + thumbprint:    "false WebHosting",
		`Cert:\LocalMachine\My\` + thumbprint[1:]:       "",
		`Cert:\LocalMachine\My\` + thumbprint + "00":    "",
		`Cert:\LocalMachine\\` + thumbprint:             "",
		`Cert:\Elsewhere\My\` + thumbprint:              "",
		`Cert:\LocalMachine\My`:                         "",
		`Cert:\LocalMachine\My\x\` + thumbprint:         "",
		`Cert:\LocalMachine\My\` + "g" + thumbprint[1:]: "",
	} {
		if !InStore(name) {
			t.Errorf("%s is taken for a file", name)
			continue
		}
		p, err := placeInStore(name)
		if got := fmt.Sprint(p.machine, " ", p.store); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "cert", "cert:", "app.pem", `C:\cert.pem`, `certs\app.pem`, "Cert:/CurrentUser"} {
		if InStore(name) {
			t.Errorf("%s is taken for one in the store", name)
		}
	}
}

// TestStoreCertificate: what a key in a store signs signs in, for as long as the
// certificate is good and the key is there.
func TestStoreCertificate(t *testing.T) {
	certificate, key, err := graphtest.NewCertificate(time.Now().Add(-48*time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	old, oldKey, err := graphtest.NewCertificate(time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := graphtest.NewCertificate(time.Now().Add(-48*time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(certificate.Raw) //nolint:gosec // what a thumbprint is
	name := fmt.Sprintf(`Cert:\LocalMachine\My\%X`, sum)
	for _, test := range []struct {
		name        string
		certificate *x509.Certificate
		key         *rsa.PrivateKey
		registered  bool
		open        error
		wrong       string // part of the error; "" for none
	}{
		{"good", certificate, key, true, nil, ""},
		{"not registered", certificate, key, false, nil, "not one of the application"},
		{"ended", old, oldKey, true, nil, "it ended on"},
		{"another key", certificate, other, true, nil, "does not fit"},
		{"no such", nil, nil, false, errors.New("there is no such certificate in the store"), "no such certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEntra(t)
			if test.registered {
				e.app.Certificates = append(e.app.Certificates, test.certificate)
			}
			opened, closed := 0, 0
			open := func(p storePlace) (*storedKey, error) {
				if !p.machine || p.store != "My" || string(p.thumbprint) != string(sum[:]) {
					t.Errorf("it looks for %+v", p)
				}
				if test.open != nil {
					return nil, test.open
				}
				opened++
				return &storedKey{test.certificate, test.key, func() { closed++ }}, nil
			}
			credentialKinds["store"] = func(o CredentialOptions) (Credential, error) { return newStoreCredential(o, name, open) }
			defer delete(credentialKinds, "store")
			err := e.read("store", nil)
			if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%v", err)
			}
			if err != nil && !errors.Is(err, ErrAuth) {
				t.Errorf("%v is no failure to sign in", err)
			}
			if opened != closed {
				t.Errorf("%d keys were opened, %d closed", opened, closed)
			}
		})
	}
}

// TestStoreElsewhere: where there is no such store, or no such certificate, it is said.
func TestStoreElsewhere(t *testing.T) {
	e := newEntra(t)
	err := e.read("certificate", func(o *CredentialOptions) { o.Certificate = `Cert:\CurrentUser\My\` + strings.Repeat("00", 20) })
	want := "only Windows has a certificate store"
	if runtime.GOOS == "windows" {
		want = "there is no such" // certificate; in a profile that has never had one, store
	}
	if err == nil || !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}
