package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"lictrail/cmd/lictrail/internal/web"
)

// browser is a real Chromium, driven by the DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/), with one page open. All
// that it asks other hosts for goes to a proxy of the test, which writes it down.
type browser struct {
	t       *testing.T
	conn    *websocket.Conn
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	events  []message // console, exceptions, violations, requests
	outside []string  // what was asked of other hosts
}

// message is one of the protocol.
type message struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine, so no page is opened in a browser (Debian: apt-get install chromium)")
	return ""
}

func newBrowser(t *testing.T) *browser {
	path := chromium(t)
	b := &browser{t: t, waiting: map[int]chan message{}}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.outside = append(b.outside, r.Method+" "+r.Host+r.URL.String())
		http.Error(w, "not for this test", http.StatusNotFound)
	}))
	t.Cleanup(elsewhere.Close)
	profile, err := os.MkdirTemp("", "lictrail-chromium") // processes of it may write after its end, which t.TempDir minds
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
		"--user-data-dir="+profile, "--remote-debugging-port=0", "--remote-allow-origins=*", "--proxy-server="+elsewhere.URL, "--proxy-bypass-list=127.0.0.1", "about:blank")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.connect(filepath.Join(profile, "DevToolsActivePort"))
	b.open()
	return b
}

// connect waits until Chromium says where it listens.
func (b *browser) connect(file string) {
	b.t.Helper()
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		data, err := os.ReadFile(file)
		port, path, ok := strings.Cut(strings.TrimSpace(string(data)), "\n")
		if err == nil && ok {
			if b.conn, err = websocket.Dial("ws://127.0.0.1:"+port+path, "", "http://127.0.0.1"); err != nil {
				b.t.Fatal(err)
			}
			b.conn.MaxPayloadBytes = 256 << 20
			break
		}
		if time.Since(begun) > 2*time.Minute {
			b.t.Fatal("Chromium does not start")
		}
	}
	b.t.Cleanup(func() { _ = b.conn.Close() })
	go func() {
		for {
			var m message
			if websocket.JSON.Receive(b.conn, &m) != nil {
				return
			}
			b.mu.Lock()
			if m.ID != 0 {
				b.waiting[m.ID] <- m
				delete(b.waiting, m.ID)
			} else {
				b.events = append(b.events, m)
			}
			b.mu.Unlock()
		}
	}()
}

// call asks Chromium for something.
func (b *browser) call(method string, params any) json.RawMessage {
	b.t.Helper()
	text, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	answered := make(chan message, 1)
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, Method: method, SessionID: b.session, Params: text}
	b.waiting[m.ID] = answered
	b.mu.Unlock()
	if err := websocket.JSON.Send(b.conn, m); err != nil {
		b.t.Fatal(err)
	}
	select {
	case m = <-answered:
	case <-time.After(2 * time.Minute):
		b.t.Fatalf("%s: no answer", method)
	}
	if m.Error != nil {
		b.t.Fatalf("%s: %s", method, m.Error.Message)
	}
	return m.Result
}

type params map[string]any

// open opens a page and listens to all that it says.
func (b *browser) open() {
	b.t.Helper()
	var target struct{ TargetID string }
	b.decode(b.call("Target.createTarget", params{"url": "about:blank"}), &target)
	var attached struct{ SessionID string }
	b.decode(b.call("Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}), &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Audits"} {
		b.call(domain+".enable", params{})
	}
}

func (b *browser) decode(text json.RawMessage, into any) {
	b.t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		b.t.Fatalf("%v: %s", err, text)
	}
}

// visit opens an address, and waits until all of it is there.
func (b *browser) visit(address string) {
	b.t.Helper()
	b.call("Page.navigate", params{"url": address})
	b.settle("location.href.split('#')[0] === " + quoted(strings.Split(address, "#")[0]))
}

// settle waits until a page is loaded that a condition holds of.
func (b *browser) settle(condition string) {
	b.t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if b.eval("document.readyState === 'complete' && ("+condition+")") == true {
			return
		}
	}
	b.t.Fatalf("the page does not become so: %s\nit is %v", condition, b.eval("location.href + '\\n' + document.body.innerText.slice(0, 2000)"))
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// eval evaluates an expression in the page.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.decode(b.call("Runtime.evaluate", params{"expression": expression, "returnByValue": true, "awaitPromise": true}), &answer)
	if e := answer.ExceptionDetails; e != nil && !strings.Contains(e.Exception.Description, "null") { // a page on its way has nothing yet
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	return answer.Result.Value
}

// press presses a key, or types text.
func (b *browser) press(key string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		p := params{"type": kind, "key": key, "code": key}
		if code, ok := map[string]int{"Enter": 13, "Tab": 9, "ArrowDown": 40, "Escape": 27}[key]; ok {
			p["windowsVirtualKeyCode"] = code
			if key == "Enter" && kind == "keyDown" {
				p["text"] = "\r"
			}
		}
		b.call("Input.dispatchKeyEvent", p)
	}
}

func (b *browser) write(text string) { b.call("Input.insertText", params{"text": text}) }

// screen chooses the size of the screen, and light or dark.
func (b *browser) screen(width, height int, scheme string) {
	b.call("Emulation.setDeviceMetricsOverride", params{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call("Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}}})
}

// picture takes a picture of the page, or of its first so many lines of pixels.
func (b *browser) picture(width, height int) []byte {
	b.t.Helper()
	var shot struct{ Data string }
	b.decode(b.call("Page.captureScreenshot", params{"format": "png", "captureBeyondViewport": true,
		"clip": params{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}), &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// complaints are what pages said on the console, what they threw, what the policy
// forbade, and what was asked of others than the server since the last look.
func (b *browser) complaints(server string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	host, _ := url.Parse(server)
	var list []string
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Audits.issueAdded":
			list = append(list, e.Method+" "+string(e.Params))
		case "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &sent); err != nil {
				list = append(list, err.Error())
				continue
			}
			if u, err := url.Parse(sent.Request.URL); err != nil || u.Host != host.Host && u.Scheme != "about" && u.Scheme != "data" { // a control of Chromium's own
				list = append(list, "asked for "+sent.Request.URL)
			}
		}
	}
	b.events = nil
	for _, o := range b.outside {
		if !ownHost(o) {
			list = append(list, "asked for "+o)
		}
	}
	b.outside = nil
	return list
}

// ownHost reports whether Chromium asks for something itself, whatever page is open.
func ownHost(request string) bool {
	return slices.ContainsFunc([]string{"google.com", "googleapis.com", "gstatic.com", "gvt1.com"}, func(h string) bool { return strings.Contains(request, h) })
}

// served is a server on a real port.
func served(t *testing.T, s web.Site) (address string) {
	t.Helper()
	if s.Looked == nil {
		s.Looked = func(web.Looked) {}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	listener, err := web.Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	secret := web.NewSecret()
	server := web.NewServer(web.Options{Secret: secret, Hosts: []string{listener.Addr().String()}}, web.NewSite(s))
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context(), listener) }()
	t.Cleanup(func() { <-done })
	return fmt.Sprintf("http://%s/%s/", listener.Addr(), secret)
}

// quiet fails if the pages have said or asked anything.
func (b *browser) quiet(server string) {
	b.t.Helper()
	for _, c := range b.complaints(server) {
		b.t.Errorf("%v: %s", b.eval("location.pathname.split('/').slice(2).join('/')"), c)
	}
}

// TestBrowser: a real browser goes from a search to a person, to a change, to the
// record as it was written, by keyboard; no page says anything on the console, is
// stopped by its policy or asks for anything elsewhere.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	server := served(t, web.Site{Tenants: []web.Tenant{{File: demoDB(t)}}, Version: "test"})

	t.Run("a bad page is found out", func(t *testing.T) {
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "script-src 'unsafe-inline'; img-src 'none'")
			_, _ = io.WriteString(w, `<!DOCTYPE html><title>x</title><link rel=icon href=data:,><img src="http://evil.example/a"><script>console.error("bad"); fetch("http://evil.example/b").catch(() => {}); throw new Error("x")</script>`)
		}))
		defer bad.Close()
		b.visit(bad.URL + "/")
		b.settle("document.title === 'x'")
		time.Sleep(500 * time.Millisecond)
		if said := strings.Join(b.complaints(bad.URL), "\n"); !strings.Contains(said, "consoleAPICalled") || !strings.Contains(said, "exceptionThrown") ||
			!strings.Contains(said, "evil.example/b") || !strings.Contains(said, "Content Security Policy") {
			t.Fatalf("the test sees nothing: %s", said)
		}
	})

	b.visit(server)
	b.eval("document.getElementById('q').focus()")
	b.write("nora")
	b.settle("document.querySelectorAll('.hints:not([hidden]) a').length > 0")
	b.press("ArrowDown")
	b.press("Enter")
	b.settle("document.querySelector('h1').innerText === 'Nora Hale' && document.querySelectorAll('svg.chart').length > 0")
	b.quiet(server)

	b.eval("document.querySelector('svg.chart a').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")
	b.settle("location.pathname.includes('/change/') && document.querySelector('#why') !== null")
	b.quiet(server)
	b.eval("document.querySelector('#evidence ~ .scroll a').focus()")
	b.press("Enter")
	b.settle("location.hash === '#raw-0'")
	if raw := b.eval("document.querySelector('#raw-0 ~ pre').innerText"); !strings.Contains(fmt.Sprint(raw), "activityDisplayName") {
		t.Errorf("the record is %v", raw)
	}
	b.quiet(server)

	v := demoSite(t)
	for _, path := range everyView(t, v) {
		for _, width := range []int{1300, 390} {
			b.screen(width, 900, "light")
			b.visit(server + path)
			if wide := b.eval("document.documentElement.scrollWidth"); wide != float64(width) {
				t.Errorf("%s is %v wide on a screen of %d", path, wide, width)
			}
		}
		b.quiet(server)
	}
}
