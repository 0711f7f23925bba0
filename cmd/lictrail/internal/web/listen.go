package web

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ErrNotLocal says that an address can be reached from other machines.
var ErrNotLocal = errors.New("not a loopback address or a Unix socket")

// Activated as an address takes the socket that systemd opened.
const Activated = "systemd"

const unixPrefix = "unix:"

// Listen opens an address: host:port, unix: and a path, or [Activated]. Addresses that can
// be reached from other machines are refused unless that is allowed.
func Listen(address string, elsewhere bool) (net.Listener, error) {
	listener, err := open(address)
	if err != nil {
		return nil, err
	}
	if !elsewhere && !local(listener.Addr()) {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", listener.Addr(), ErrNotLocal), listener.Close())
	}
	return listener, nil
}

func open(address string) (net.Listener, error) {
	if address == Activated {
		return activated()
	}
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" && port == "" {
		return nil, fmt.Errorf("%q is not an address such as 127.0.0.1:8080", address)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever a resolver says
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// listenUnix opens a socket that only its owner, and those of its group, can
// connect to. The umask is the process's; a file of another kind is not replaced.
func listenUnix(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("listen on %q: there is something else than a socket", path)
	case err == nil:
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("listen on %q: another process answers there", path)
		}
		if err := os.Remove(path); err != nil { // left by a process that was killed
			return nil, fmt.Errorf("listen on %q: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil && runtime.GOOS != "windows" {
		return nil, errors.Join(fmt.Errorf("listen on %q: %w", path, err), listener.Close())
	}
	return listener, nil
}

// firstFD is the first file that systemd hands over:
// https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
const firstFD = 3

func activated() (net.Listener, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) || count != "1" {
		return nil, errors.New("systemd has handed over no socket, or several (LISTEN_PID, LISTEN_FDS)")
	}
	file := os.NewFile(firstFD, "socket of systemd")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take the socket of systemd: %w", err)
	}
	return listener, nil
}

func local(address net.Addr) bool {
	if address.Network() == "unix" {
		return true
	}
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// secretBytes makes 256 bits.
const secretBytes = 32

// NewSecret returns a new random secret.
func NewSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// KeptSecret reads a secret from a file that only its owner may read, and makes
// the file where there is none. Links then outlive the process.
func KeptSecret(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return ReadSecret(path)
	case err != nil:
		return "", fmt.Errorf("keep the secret: %w", err)
	}
	secret := NewSecret()
	if _, err := f.WriteString(secret + "\n"); err != nil {
		return "", errors.Join(fmt.Errorf("keep the secret: %w", err), f.Close(), os.Remove(filepath.Clean(path)))
	}
	return secret, f.Close()
}

// ReadSecret reads a secret from a file that only its owner, or its group, may
// read. It must be as long as one of [NewSecret], and fit into a path.
func ReadSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > 1024 {
		return "", fmt.Errorf("%q is not a file with a secret", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o027 != 0 {
		return "", fmt.Errorf("others may read or write %q, which has mode %04o", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(raw) < secretBytes {
		return "", fmt.Errorf("the secret in %q must be 43 or more letters, digits, - and _: head -c 32 /dev/urandom | basenc --base64url | tr -d =", path)
	}
	return secret, nil
}
