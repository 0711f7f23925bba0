package graph

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what a thumbprint is
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"math/big"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestCertificateStore: a certificate that lies in the store of the user is found by
// its thumbprint, and its key, which cannot be exported, signs what Entra is told.
// Wine 8 forgets the names of keys: there a key signs that was just made, and the
// step from a certificate to its key is skipped.
func TestCertificateStore(t *testing.T) {
	container := "lictrail-test-" + rand.Text()
	key := newStoredKey(t, container)
	certificate := selfSignedBy(t, key)
	sum := sha1.Sum(certificate.Raw) //nolint:gosec // what a thumbprint is
	addToStore(t, certificate, container)

	t.Run("sign", func(t *testing.T) {
		opened := &storedKey{certificate, key, func() {}}
		if _, err := assertion(opened, CredentialOptions{TenantID: "t", ClientID: "c"}, time.Now()); err != nil {
			t.Error(err)
		}
		if _, err := key.Sign(nil, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}); err == nil {
			t.Error("a digest of another kind was signed")
		}
	})
	t.Run("find", func(t *testing.T) {
		context, found, err := findStored(storePlace{store: "My", thumbprint: sum[:]})
		if err != nil {
			t.Fatal(err)
		}
		defer windows.CertFreeCertificateContext(context) //nolint:errcheck // it was read only
		if !found.Equal(certificate) {
			t.Errorf("found %s, serial number %s", found.Subject, found.SerialNumber)
		}
	})
	for name, place := range map[string]storePlace{
		"no such certificate": {store: "My", thumbprint: make([]byte, 20)},
		"no such store":       {store: "NoSuchStore" + container, thumbprint: sum[:]},
	} {
		if opened, err := openStored(place); err == nil {
			opened.close()
			t.Errorf("%q was opened", name)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
	t.Run("open", func(t *testing.T) {
		if !keeps(container) {
			t.Skip("keys have no names here: Wine")
		}
		opened, err := openStored(storePlace{store: "My", thumbprint: sum[:]})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.close()
		if _, err := assertion(opened, CredentialOptions{TenantID: "t", ClientID: "c"}, time.Now()); err != nil {
			t.Error(err)
		}
	})
}

const softwareKeys = "Microsoft Software Key Storage Provider"

func utf16(t *testing.T, s string) *uint16 {
	t.Helper()
	p, err := windows.UTF16PtrFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cng calls a function of the key store.
func cng(t *testing.T, name string, args ...uintptr) {
	t.Helper()
	if status, _, _ := ncrypt.NewProc(name).Call(args...); status != 0 {
		t.Fatalf("%s: %v (%#x)", name, syscall.Errno(status), status)
	}
}

// newStoredKey makes a key that Windows keeps, and does not hand out.
func newStoredKey(t *testing.T, container string) cngKey {
	t.Helper()
	var provider, key windows.Handle
	cng(t, "NCryptOpenStorageProvider", uintptr(unsafe.Pointer(&provider)), uintptr(unsafe.Pointer(utf16(t, softwareKeys))), 0)
	t.Cleanup(func() { _, _, _ = ncryptFreeObject.Call(uintptr(provider)) })
	cng(t, "NCryptCreatePersistedKey", uintptr(provider), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(utf16(t, "RSA"))), uintptr(unsafe.Pointer(utf16(t, container))), 0, 0)
	bits := uint32(2048)
	cng(t, "NCryptSetProperty", uintptr(key), uintptr(unsafe.Pointer(utf16(t, "Length"))), uintptr(unsafe.Pointer(&bits)), unsafe.Sizeof(bits), 0)
	cng(t, "NCryptFinalizeKey", uintptr(key), isSilent)
	t.Cleanup(func() {
		if status, _, _ := ncrypt.NewProc("NCryptDeleteKey").Call(uintptr(key), isSilent); status != 0 {
			_, _, _ = ncryptFreeObject.Call(uintptr(key))
		}
	})
	blob := make([]byte, 1024)
	var size uint32
	cng(t, "NCryptExportKey", uintptr(key), 0, uintptr(unsafe.Pointer(utf16(t, "RSAPUBLICBLOB"))), 0, uintptr(unsafe.Pointer(&blob[0])), uintptr(len(blob)), uintptr(unsafe.Pointer(&size)), 0)
	// BCRYPT_RSAKEY_BLOB: six numbers, of which the third and the fourth are the lengths
	// of the exponent and of the modulus, which follow.
	exponent, modulus := binary.LittleEndian.Uint32(blob[8:]), binary.LittleEndian.Uint32(blob[12:])
	e, n := new(big.Int).SetBytes(blob[24:24+exponent]), new(big.Int).SetBytes(blob[24+exponent:24+exponent+modulus])
	return cngKey{key, &rsa.PublicKey{N: n, E: int(e.Int64())}}
}

func selfSignedBy(t *testing.T, key cngKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lictrail test"}, SignatureAlgorithm: x509.SHA256WithRSAPSS,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// keyProvInfo is CRYPT_KEY_PROV_INFO of wincrypt.h: where the key of a certificate is.
type keyProvInfo struct {
	container, provider *uint16
	kind, flags, params uint32
	param               uintptr
	spec                uint32
}

// addToStore puts a certificate into the user's own store until the test ends.
func addToStore(t *testing.T, certificate *x509.Certificate, container string) {
	t.Helper()
	made, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, &certificate.Raw[0], uint32(len(certificate.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	const keyProvInfoProperty = 2 // CERT_KEY_PROV_INFO_PROP_ID
	info := keyProvInfo{container: utf16(t, container), provider: utf16(t, softwareKeys)}
	set := windows.NewLazySystemDLL("crypt32.dll").NewProc("CertSetCertificateContextProperty")
	if ok, _, err := set.Call(uintptr(unsafe.Pointer(made)), keyProvInfoProperty, 0, uintptr(unsafe.Pointer(&info))); ok == 0 {
		t.Fatal(err)
	}
	ownStore(t, func(store windows.Handle) error {
		return windows.CertAddCertificateContextToStore(store, made, windows.CERT_STORE_ADD_NEW, nil)
	})
	t.Cleanup(func() {
		ownStore(t, func(store windows.Handle) error {
			added, err := windows.CertFindCertificateInStore(store, windows.X509_ASN_ENCODING, 0, windows.CERT_FIND_EXISTING, unsafe.Pointer(made), nil)
			if err == nil {
				err = windows.CertDeleteCertificateFromStore(added)
			}
			return errors.Join(err, windows.CertFreeCertificateContext(made))
		})
	})
}

// ownStore opens the user's own store. Wine writes what has changed when it is closed.
func ownStore(t *testing.T, change func(windows.Handle) error) {
	t.Helper()
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, windows.CERT_SYSTEM_STORE_CURRENT_USER, uintptr(unsafe.Pointer(utf16(t, "My"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(store), windows.CertCloseStore(store, 0)); err != nil {
		t.Fatal(err)
	}
}

// keeps reports whether a key can be opened by the name with which it was made.
func keeps(container string) bool {
	var provider, key windows.Handle
	name, _ := windows.UTF16PtrFromString(softwareKeys)
	if status, _, _ := ncrypt.NewProc("NCryptOpenStorageProvider").Call(uintptr(unsafe.Pointer(&provider)), uintptr(unsafe.Pointer(name)), 0); status != 0 {
		return false
	}
	defer ncryptFreeObject.Call(uintptr(provider)) //nolint:errcheck // nothing was done with it
	name, _ = windows.UTF16PtrFromString(container)
	status, _, _ := ncrypt.NewProc("NCryptOpenKey").Call(uintptr(provider), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(name)), 0, isSilent)
	if status == 0 {
		_, _, _ = ncryptFreeObject.Call(uintptr(key))
	}
	return status == 0
}
