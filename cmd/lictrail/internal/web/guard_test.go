package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	testSecret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	testHost   = "127.0.0.1:8080"
)

// echo answers with the path that it was asked for and by whom.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "ECHO of %s for %q", r.URL.Path, asker(r.Context()))
})

// attack is a request as it goes over the wire, and the status that it must get.
type attack struct {
	name    string
	request string // HOST and SECRET stand for the right ones; lines end in \n
	status  int
}

var attacks = []attack{
	{"the address that was printed", "GET /SECRET/ HTTP/1.1\nHost: HOST\n\n", 200},
	{"a view", "GET /SECRET/person/1?q=x HTTP/1.1\nHost: HOST\nSec-Fetch-Site: same-origin\n\n", 200},
	{"typed", "GET /SECRET/ HTTP/1.1\nHost: HOST\nSec-Fetch-Site: none\n\n", 200},
	{"HEAD", "HEAD /SECRET/ HTTP/1.1\nHost: HOST\n\n", 200},

	{"DNS rebinding", "GET /SECRET/ HTTP/1.1\nHost: evil.example:8080\n\n", 421},
	{"DNS rebinding, the port alone is right", "GET /SECRET/ HTTP/1.1\nHost: evil.example\n\n", 421},
	{"the host without its port", "GET /SECRET/ HTTP/1.1\nHost: 127.0.0.1\n\n", 421},
	{"another name of this machine", "GET /SECRET/ HTTP/1.1\nHost: localhost:8080\n\n", 421},
	{"a host that begins as ours", "GET /SECRET/ HTTP/1.1\nHost: HOST.evil.example\n\n", 421},
	{"no host", "GET /SECRET/ HTTP/1.0\n\n", 421},
	{"the host in the request line", "GET http://evil.example/SECRET/ HTTP/1.1\nHost: HOST\n\n", 421},
	{"two hosts", "GET /SECRET/ HTTP/1.1\nHost: HOST\nHost: evil.example\n\n", 400},
	{"a forwarded host counts for nothing", "GET /SECRET/ HTTP/1.1\nHost: evil.example\nX-Forwarded-Host: HOST\nForwarded: host=HOST\n\n", 421},

	{"no secret", "GET / HTTP/1.1\nHost: HOST\n\n", 404},
	{"a wrong secret", "GET /BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"a part of the secret", "GET /AAAAAAAA/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"more than the secret", "GET /SECRETA/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"the secret in lower case", "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"the secret as a query", "GET /?secret=SECRET HTTP/1.1\nHost: HOST\n\n", 404},
	{"the secret as a cookie", "GET / HTTP/1.1\nHost: HOST\nCookie: secret=SECRET\n\n", 404},
	{"the secret behind something", "GET /x/SECRET/ HTTP/1.1\nHost: HOST\n\n", 404},

	{"cross-site", "GET /SECRET/ HTTP/1.1\nHost: HOST\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\n\n", 403},
	{"cross-site frame", "GET /SECRET/ HTTP/1.1\nHost: HOST\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe\n\n", 403},
	{"cross-site link", "GET /SECRET/person/1 HTTP/1.1\nHost: HOST\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n\n", 403},
	{"another port of this machine", "GET /SECRET/ HTTP/1.1\nHost: HOST\nSec-Fetch-Site: same-site\nSec-Fetch-Mode: cors\n\n", 403},
	{"a site that is none", "GET /SECRET/ HTTP/1.1\nHost: HOST\nSec-Fetch-Site: whatever\n\n", 403},

	{"POST", "POST /SECRET/ HTTP/1.1\nHost: HOST\nContent-Length: 1\n\nx", 405},
	{"DELETE", "DELETE /SECRET/ HTTP/1.1\nHost: HOST\n\n", 405},
	{"OPTIONS", "OPTIONS /SECRET/ HTTP/1.1\nHost: HOST\nOrigin: http://evil.example\nAccess-Control-Request-Method: GET\n\n", 405},
	{"an unknown method", "PROPFIND /SECRET/ HTTP/1.1\nHost: HOST\n\n", 405},
	{"overridden method", "POST /SECRET/ HTTP/1.1\nHost: HOST\nX-HTTP-Method-Override: GET\nContent-Length: 0\n\n", 405},
	{"GET with a body", "GET /SECRET/ HTTP/1.1\nHost: HOST\nContent-Length: 3\n\nabc", 400},
	{"GET with chunks", "GET /SECRET/ HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n0\n\n", 400},
	{"smuggling", "GET /SECRET/ HTTP/1.1\nHost: HOST\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n", 400},

	{"traversal", "GET /SECRET/../../etc/passwd HTTP/1.1\nHost: HOST\n\n", 404},
	{"traversal out of the secret", "GET /x/../SECRET/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"traversal, encoded", "GET /SECRET/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\nHost: HOST\n\n", 404},
	{"traversal, encoded slash", "GET /SECRET/static/..%2f..%2fetc%2fpasswd HTTP/1.1\nHost: HOST\n\n", 404},
	{"traversal, backslash", "GET /SECRET/static/..%5c..%5cx HTTP/1.1\nHost: HOST\n\n", 404},
	{"traversal, NUL", "GET /SECRET/static/app.css%00.html HTTP/1.1\nHost: HOST\n\n", 404},
	{"double slash", "GET //evil.example/SECRET/ HTTP/1.1\nHost: HOST\n\n", 404},
	{"line feed in the path", "GET /SECRET/%0d%0aX-Evil:%201 HTTP/1.1\nHost: HOST\n\n", 404},
	{"an asterisk", "GET * HTTP/1.1\nHost: HOST\n\n", 404},

	{"an oversized query", "GET /SECRET/search?q=" + strings.Repeat("x", 3000) + " HTTP/1.1\nHost: HOST\n\n", 414},
	{"an oversized path", "GET /SECRET/" + strings.Repeat("x", 3000) + " HTTP/1.1\nHost: HOST\n\n", 414},
}

// start serves on a port of its own, and returns where.
func start(t *testing.T, o Options, handler http.Handler) (address string, done <-chan error) {
	t.Helper()
	listener, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	if o.Secret == "" {
		o.Secret = testSecret
	}
	if o.Hosts == nil {
		o.Hosts = []string{testHost}
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- NewServer(o, handler).Serve(ctx, listener); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return listener.Addr().String(), ended
}

// wire writes a request as it stands, and reads the answer.
func wire(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	request = strings.NewReplacer("SECRET", testSecret, "HOST", testHost).Replace(request)
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestAttacks: what may not be answered is refused, and says nothing of what there is.
func TestAttacks(t *testing.T) {
	address, _ := start(t, Options{}, echo)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			resp, body := wire(t, address, a.request)
			if resp.StatusCode != a.status {
				t.Errorf("%s, want %d", resp.Status, a.status)
			}
			if a.status != 200 && (strings.Contains(body, "ECHO") || strings.Contains(body, testSecret) || strings.Contains(body, "evil")) {
				t.Errorf("the refusal says %q", body)
			}
			if a.status == 400 { // may be refused before any of our code runs
				return
			}
			for name, value := range headers {
				if got := resp.Header.Values(name); len(got) != 1 || got[0] != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Server", "Location"} {
				if got := resp.Header.Get(name); got != "" {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

// TestOversizedHeaders: they are refused before they are read to the end.
func TestOversizedHeaders(t *testing.T) {
	address, _ := start(t, Options{}, echo)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /%s/ HTTP/1.1\r\nHost: %s\r\nX-Long: %s\r\n\r\n", testSecret, testHost, strings.Repeat("x", 1<<20)) // it may be cut off
	if answer, _ := io.ReadAll(conn); len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 431") {
		t.Errorf("it answers %q", answer)
	}
}

// TestCrossSiteLink: whoever follows a link of another site is asked, and the page
// that asks leads to nowhere but the same page.
func TestCrossSiteLink(t *testing.T) {
	for path, want := range map[string]string{
		"":                            `href="./"`,
		"person/1?run=2":              `href="./1?run=2"`,
		"person/javascript:alert%281": `href="./javascript:alert%281"`,
		"person/%22%3E%3Cscript%3E":   `href="./%22%3e%3cscript%3e"`,
	} {
		r := httptest.NewRequest("GET", "http://"+testHost+"/"+testSecret+"/"+path, nil)
		for name, value := range map[string]string{"Site": "cross-site", "Mode": "navigate", "Dest": "document"} {
			r.Header.Set("Sec-Fetch-"+name, value)
		}
		w := httptest.NewRecorder()
		NewServer(Options{Secret: testSecret, Hosts: []string{testHost}}, echo).http.Handler.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != 403 || strings.Count(body, "href=") != 1 || !strings.Contains(strings.ToLower(body), want) || strings.Contains(body, testSecret) {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	}
}

// TestCrossSiteFrame: a frame of another site is not even offered to go on.
func TestCrossSiteFrame(t *testing.T) {
	for _, dest := range []string{"iframe", "object", "embed", "image", ""} {
		r := httptest.NewRequest("GET", "http://"+testHost+"/"+testSecret+"/", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", dest)
		w := httptest.NewRecorder()
		NewServer(Options{Secret: testSecret, Hosts: []string{testHost}}, echo).http.Handler.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != 403 || strings.Contains(body, "href") {
			t.Errorf("%s: %d %s", dest, w.Code, body)
		}
	}
}

// TestLocal: only what no other machine reaches is local.
func TestLocal(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:80": true, "127.8.8.8:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.168.1.5:80": false, "10.0.0.1:80": false, "169.254.1.1:80": false, "[fe80::1]:80": false, "[2001:db8::1]:80": false, "0.0.0.0:80": false, "[::]:80": false, "[::ffff:10.0.0.1]:80": false} {
		at, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := local(at); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// TestOpening: the path for a browser leads to the start page once.
func TestOpening(t *testing.T) {
	s := NewServer(Options{Secret: testSecret, Hosts: []string{testHost}}, echo)
	path := s.Opening(testSecret)
	ask := func(method, path, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://"+host+path, nil)
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		method, path, host string
		status             int
	}{
		{"GET", path + "x", testHost, 404}, {"GET", openPath, testHost, 404}, {"HEAD", path, testHost, 404}, {"POST", path, testHost, 405}, {"GET", path, "evil.example", 421},
		{"GET", path, testHost, 303}, {"GET", path, testHost, 404},
	} {
		w := ask(c.method, c.path, c.host)
		if w.Code != c.status || (w.Header().Get("Location") == "/"+testSecret+"/") != (c.status == 303) {
			t.Errorf("%s %s on %s: %d %v", c.method, c.path, c.host, w.Code, w.Header())
		}
	}
	if w := ask("GET", openPath, testHost); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// TestProxy: behind a proxy nothing is answered without its secret and a person.
func TestProxy(t *testing.T) {
	o := Options{Proxy: &Proxy{UserHeader: "X-Remote-User", Secret: strings.Repeat("p", 43)}}
	address, _ := start(t, o, echo)
	proof := SecretHeader + ": " + o.Proxy.Secret + "\n"
	for _, c := range []struct {
		name, headers string
		status        int
	}{
		{"signed in", proof + "X-Remote-User: ada@contoso.example\n", 200},
		{"nobody", proof, 403},
		{"an empty name", proof + "X-Remote-User:  \n", 403},
		{"two names", proof + "X-Remote-User: ada\nX-Remote-User: bob\n", 403},
		{"no proof", "X-Remote-User: ada@contoso.example\n", 403},
		{"a wrong proof", SecretHeader + ": x\nX-Remote-User: ada\n", 403},
		{"two proofs", proof + SecretHeader + ": x\nX-Remote-User: ada\n", 403},
		{"the secret of the path as proof", SecretHeader + ": SECRET\nX-Remote-User: ada\n", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := wire(t, address, "GET /SECRET/ HTTP/1.1\nHost: HOST\n"+c.headers+"\n")
			if resp.StatusCode != c.status {
				t.Errorf("%s, want %d", resp.Status, c.status)
			}
			if c.status == 200 && !strings.Contains(body, `for "ada@contoso.example"`) {
				t.Errorf("it answers %q", body)
			}
		})
	}
	t.Run("without a proxy its header is nobody's", func(t *testing.T) {
		address, _ := start(t, Options{}, echo)
		if _, body := wire(t, address, "GET /SECRET/ HTTP/1.1\nHost: HOST\nX-Remote-User: ada\n\n"); !strings.HasSuffix(body, `for ""`) {
			t.Errorf("it answers %q", body)
		}
	})
}

// TestListen: what other machines can reach is not opened unless that is wanted.
func TestListen(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		address   string
		elsewhere bool
		ok        bool
	}{
		{"127.0.0.1:0", false, true},
		{"localhost:0", false, true},
		{"127.0.0.2:0", false, runtime.GOOS == "linux"},
		{"unix:" + socket, false, true},
		{"0.0.0.0:0", false, false},
		{":0", false, false},
		{"[::]:0", false, false},
		{"", false, false},
		{"8080", false, false},
		{":", false, false},
		{"systemd", false, false}, // none has started us
		{"0.0.0.0:0", true, true},
	} {
		listener, err := Listen(c.address, c.elsewhere)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.address, err)
		}
		if err == nil {
			listener.Close()
		}
	}
}

// TestListenUnix: a socket is for its owner and its group; only a socket that
// nobody answers on is replaced.
func TestListenUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets have no mode there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	first, err := Listen("unix:"+path, false)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	go func() { _ = http.Serve(first, echo) }()
	if l, err := Listen("unix:"+path, false); err == nil {
		l.Close()
		t.Error("a socket in use was taken over")
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	first.Close()
	second, err := Listen("unix:"+path, false)
	if err != nil {
		t.Fatalf("a socket left behind: %v", err)
	}
	second.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:"+file, false); err == nil {
		t.Error("a file was replaced")
	}
	if data, _ := os.ReadFile(file); string(data) != "precious" {
		t.Error("a file was replaced")
	}
}

// TestSecret: each is different, fits into a path, and is kept in a file that
// others may not read.
func TestSecret(t *testing.T) {
	if a, b := NewSecret(), NewSecret(); a == b || len(a) != 43 {
		t.Errorf("%s, %s", a, b)
	}
	path := filepath.Join(t.TempDir(), "secret")
	first, err := KeptSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := KeptSecret(path); err != nil || again != first {
		t.Errorf("%s, then %s: %v", first, again, err)
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v: %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := KeptSecret(path); err == nil || strings.Contains(err.Error(), first) {
			t.Errorf("a secret that others may read was taken: %v", err)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("A", 42) + "/", strings.Repeat("A", 30)} {
		other := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSecret(other); err == nil {
			t.Errorf("%q was taken for a secret", text)
		}
	}
}

// TestIdle: the server ends when nobody has asked for a time, and not while it
// answers.
func TestIdle(t *testing.T) {
	release := make(chan struct{})
	address, done := start(t, Options{Idle: 50 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprint(w, "late")
	}))
	answered := make(chan string)
	go func() {
		_, body := wire(t, address, "GET /SECRET/ HTTP/1.1\nHost: HOST\nConnection: close\n\n")
		answered <- body
	}()
	select {
	case err := <-done:
		t.Fatalf("it ended while it answered: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if other, err := net.Dial("tcp", address); err != nil {
		t.Errorf("it takes nobody any more while it answers: %v", err)
	} else {
		other.Close()
	}
	close(release)
	if body := <-answered; body != "late" {
		t.Errorf("the answer is %q", body)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it goes on")
	}
}

// TestShutdown: requests that are being answered when the server ends are completed.
func TestShutdown(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	listener, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- NewServer(Options{Secret: testSecret, Hosts: []string{testHost}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(asked)
			<-release
			fmt.Fprint(w, "whole")
		})).Serve(ctx, listener)
	}()
	answered := make(chan string, 1)
	go func() {
		_, body := wire(t, listener.Addr().String(), "GET /SECRET/ HTTP/1.1\nHost: HOST\n\n")
		answered <- body
	}()
	<-asked
	stop()
	close(release)
	if body := <-answered; body != "whole" {
		t.Errorf("the answer is %q", body)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestSlowClients: those who send their requests letter by letter are cut off, and
// keep nobody else from an answer.
func TestSlowClients(t *testing.T) {
	address, _ := start(t, Options{}, echo)
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /%s/ HTTP/1.1\r\nHo", testSecret)
	}
	slow, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "GET /%s/ HTTP/1.1\r\nX: ", testSecret)
	if resp, _ := wire(t, address, "GET /SECRET/ HTTP/1.1\nHost: HOST\n\n"); resp.StatusCode != 200 {
		t.Errorf("another client gets %s", resp.Status)
	}
	slow.SetReadDeadline(time.Now().Add(headerTimeout + 30*time.Second))
	if answer, err := io.ReadAll(slow); err != nil || strings.Contains(string(answer), "200") {
		t.Errorf("the slow client is kept: %q, %v", answer, err)
	}
}
