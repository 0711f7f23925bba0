package graph

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	ncrypt           = windows.NewLazySystemDLL("ncrypt.dll")
	ncryptSignHash   = ncrypt.NewProc("NCryptSignHash")
	ncryptFreeObject = ncrypt.NewProc("NCryptFreeObject")
)

// openStored finds a certificate in the store of Windows, and its key, which stays
// there. No window opens: whoever runs lictrail may not be at the screen.
func openStored(place storePlace) (*storedKey, error) {
	found, certificate, err := findStored(place)
	if err != nil {
		return nil, err
	}
	defer windows.CertFreeCertificateContext(found) //nolint:errcheck // it was read only
	var key windows.Handle
	var spec uint32
	var ours bool
	err = windows.CryptAcquireCertificatePrivateKey(found, windows.CRYPT_ACQUIRE_ONLY_NCRYPT_KEY_FLAG|windows.CRYPT_ACQUIRE_SILENT_FLAG, nil, &key, &spec, &ours)
	if err != nil {
		return nil, fmt.Errorf("use its key: %w", err)
	}
	if spec != windows.CERT_NCRYPT_KEY_SPEC { // its handle means nothing to ncrypt.dll
		return nil, errors.New("its key is one of a cryptographic service provider, and not of the newer kind (CNG)")
	}
	return &storedKey{certificate: certificate, signer: cngKey{key, certificate.PublicKey}, close: func() {
		if ours {
			_, _, _ = ncryptFreeObject.Call(uintptr(key))
		}
	}}, nil
}

// findStored finds a certificate in the store of Windows. Its context, which the
// caller frees, knows where the key is.
func findStored(place storePlace) (*windows.CertContext, *x509.Certificate, error) {
	name, err := windows.UTF16PtrFromString(place.store)
	if err != nil {
		return nil, nil, err
	}
	location := uint32(windows.CERT_SYSTEM_STORE_CURRENT_USER)
	if place.machine {
		location = windows.CERT_SYSTEM_STORE_LOCAL_MACHINE
	}
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, location|windows.CERT_STORE_READONLY_FLAG|windows.CERT_STORE_OPEN_EXISTING_FLAG, uintptr(unsafe.Pointer(name)))
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return nil, nil, fmt.Errorf("there is no such store as %s", place.store)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the store %s: %w", place.store, err)
	}
	defer windows.CertCloseStore(store, 0) //nolint:errcheck // it was read only
	hash := windows.CryptHashBlob{Size: uint32(len(place.thumbprint)), Data: &place.thumbprint[0]}
	found, err := windows.CertFindCertificateInStore(store, windows.X509_ASN_ENCODING, 0, windows.CERT_FIND_HASH, unsafe.Pointer(&hash), nil)
	if err != nil {
		return nil, nil, errors.New("there is no such certificate in the store")
	}
	certificate, err := x509.ParseCertificate(slices.Clone(unsafe.Slice(found.EncodedCert, found.Length)))
	if err != nil {
		_ = windows.CertFreeCertificateContext(found) // it was read only
		return nil, nil, err
	}
	return found, certificate, nil
}

// cngKey signs with a key that Windows keeps.
type cngKey struct {
	handle windows.Handle
	public crypto.PublicKey
}

// Public implements [crypto.Signer].
func (k cngKey) Public() crypto.PublicKey { return k.public }

// The padding of a signature: BCRYPT_PSS_PADDING_INFO of bcrypt.h.
type pssPadding struct {
	algorithm *uint16
	salt      uint32
}

const (
	padPSS   = 0x8  // BCRYPT_PAD_PSS
	isSilent = 0x40 // NCRYPT_SILENT_FLAG
)

// Sign implements [crypto.Signer], for PSS with SHA-256.
func (k cngKey) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if pss, ok := o.(*rsa.PSSOptions); !ok || pss.SaltLength != rsa.PSSSaltLengthEqualsHash || o.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("only PSS with SHA-256 is known")
	}
	algorithm, err := windows.UTF16PtrFromString("SHA256")
	if err != nil {
		return nil, err
	}
	padding := pssPadding{algorithm, uint32(crypto.SHA256.Size())}
	var size uint32
	call := func(signature []byte) error {
		var first *byte
		if len(signature) > 0 {
			first = &signature[0]
		}
		status, _, _ := ncryptSignHash.Call(uintptr(k.handle), uintptr(unsafe.Pointer(&padding)), uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)),
			uintptr(unsafe.Pointer(first)), uintptr(len(signature)), uintptr(unsafe.Pointer(&size)), padPSS|isSilent)
		if status != 0 {
			return syscall.Errno(status)
		}
		return nil
	}
	if err := errors.Join(ncryptSignHash.Find(), call(nil)); err != nil {
		return nil, err
	}
	signature := make([]byte, size)
	if err := call(signature); err != nil {
		return nil, err
	}
	return signature[:size], nil
}
