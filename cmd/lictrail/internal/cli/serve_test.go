package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving is a server in a process of its own.
type serving struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string // the first line on stdout
	stderr  bytes.Buffer
}

// serve starts the program that TestMain makes, and reads where it is.
func serve(t *testing.T, args ...string) *serving {
	t.Helper()
	program, err := exec.LookPath("lictrail")
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{t: t, cmd: exec.Command(program, append([]string{"serve", "--no-browser"}, args...)...)}
	s.cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LICTRAIL_CONFIG=", "XDG_CONFIG_HOME=")
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = s.cmd.Wait()
		t.Fatalf("no address: %v\n%s", err, s.stderr.String())
	}
	s.address = strings.TrimSpace(line)
	return s
}

// end interrupts the server, and returns what it said on stderr.
func (s *serving) end() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server ends with %v\n%s", err, s.stderr.String())
	}
	return s.stderr.String()
}

func fetch(t *testing.T, client *http.Client, address string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var addressPattern = regexp.MustCompile(`^http://127\.0\.0\.1:\d+/[A-Za-z0-9_-]{43}/$`)

// TestServe: the address is the first line, it answers, a lookup is noted even on a
// quiet run, the database stays as it is, and an interrupt is a good end.
func TestServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be told to end")
	}
	dir := t.TempDir()
	demoOutput(t, dir)
	db := filepath.Join(dir, "lictrail-demo.db")
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--db", db, "--quiet", "--log-format", "json")
	if !addressPattern.MatchString(s.address) {
		t.Errorf("the address is %q", s.address)
	}
	code, body := fetch(t, http.DefaultClient, s.address+"search?q=nora&format=json")
	m := regexp.MustCompile(`"href": "(person/([^"]+))"`).FindStringSubmatch(body)
	if code != 200 || m == nil {
		t.Fatalf("%d %s", code, body)
	}
	if code, body = fetch(t, http.DefaultClient, s.address+m[1]); code != 200 || !strings.Contains(body, "Nora Hale") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ = fetch(t, http.DefaultClient, strings.Replace(s.address, "/"+strings.Split(s.address, "/")[3]+"/", "/x/", 1)); code != 404 {
		t.Errorf("without the secret: %d", code)
	}
	log := s.end()
	if n := strings.Count(log, "\n"); n != 1 || !strings.Contains(log, `"msg":"looked up"`) || !strings.Contains(log, `"user":"`+m[2]+`"`) {
		t.Errorf("the log is %s", log)
	}
	if after, err := os.ReadFile(db); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database is another one: %v", err)
	}
}

// TestServe_Proxy: behind a proxy, on a socket, under the proxy's name, with who
// asked in the log; the secret of the link is the same after a restart.
func TestServe_Proxy(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be told to end")
	}
	dir := t.TempDir()
	demoOutput(t, dir)
	secret := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32))
	proxy := filepath.Join(dir, "proxy.secret")
	if err := os.WriteFile(proxy, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	var addresses []string
	for range 2 {
		s := serve(t, "--db", filepath.Join(dir, "lictrail-demo.db"), "--listen", "unix:"+socket, "--behind-proxy", "--user-header", "X-Remote-User",
			"--proxy-secret-file", proxy, "--public-url", "https://licenses.contoso.com", "--link-secret-file", filepath.Join(dir, "link.secret"))
		addresses = append(addresses, s.address)
		inside := strings.Replace(s.address, "https://", "http://", 1)
		if code, _ := fetch(t, client, inside, "X-Remote-User", "ada@contoso.example"); code != 403 {
			t.Errorf("without the proxy's secret: %d", code)
		}
		code, body := fetch(t, client, inside+"search?q=nora&format=json", "X-Remote-User", "ada@contoso.example", "X-Lictrail-Proxy-Secret", secret)
		m := regexp.MustCompile(`"href": "(person/[^"]+)"`).FindStringSubmatch(body)
		if code != 200 || m == nil {
			t.Fatalf("%d %s", code, body)
		}
		if code, _ := fetch(t, client, inside+m[1], "X-Remote-User", "eve\"; by=\"ada", "X-Lictrail-Proxy-Secret", secret); code != 200 {
			t.Errorf("a person: %d", code)
		}
		client.CloseIdleConnections()
		if log := s.end(); !strings.Contains(log, `looked up user=`) || !strings.Contains(log, `by="eve\"; by=\"ada"`) || strings.Contains(log, secret) {
			t.Errorf("the log is %s", log)
		}
	}
	if addresses[0] != addresses[1] || !strings.HasPrefix(addresses[0], "https://licenses.contoso.com/") {
		t.Errorf("the addresses are %q", addresses)
	}
}

// TestServe_Fleet: with a configuration of several tenants there is a page over all
// of them, also of one that has no database yet.
func TestServe_Fleet(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be told to end")
	}
	dir := t.TempDir()
	demoOutput(t, dir)
	config := filepath.Join(dir, "fleet.toml")
	text := "[[tenant]]\nname = \"contoso\"\ndb = \"lictrail-demo.db\"\n[[tenant]]\nname = \"fabrikam\"\ndb = \"fabrikam.db\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", config)
	code, body := fetch(t, http.DefaultClient, s.address)
	if code != 200 || !strings.Contains(body, `href="t/contoso/"`) || !strings.Contains(body, "There is no database") && !strings.Contains(body, "there is no database") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := fetch(t, http.DefaultClient, s.address+"t/contoso/search?q=nora"); code != 200 || !strings.Contains(body, "Nora Hale") {
		t.Errorf("%d %s", code, body)
	}
	s.end()
	s = serve(t, "--config", config, "--tenant-name", "contoso")
	if code, body := fetch(t, http.DefaultClient, s.address+"search?q=nora"); code != 200 || !strings.Contains(body, "Nora Hale") {
		t.Errorf("%d %s", code, body)
	}
	s.end()
}

// TestServe_Idle: nobody asks, and the server ends well.
func TestServe_Idle(t *testing.T) {
	dir := t.TempDir()
	demoOutput(t, dir)
	s := serve(t, "--db", filepath.Join(dir, "lictrail-demo.db"), "--idle", "10ms")
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}
