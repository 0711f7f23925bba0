package page

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a real Chromium whose every request goes through a proxy of the
// test, which serves the pages and writes down what was asked for.
type browser struct {
	t       *testing.T
	path    string
	proxy   string
	profile string

	mu    sync.Mutex
	pages map[string]string
	asked []string
}

const origin = "http://report.example"

func newBrowser(t *testing.T) *browser {
	b := &browser{t: t, profile: t.TempDir(), pages: map[string]string{}}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && b.path == "" {
			b.path = path
		}
	}
	if b.path == "" {
		t.Skip("no Chromium on this machine, so no page is opened in a browser (Debian: apt-get install chromium)")
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.proxy = server.URL
	return b
}

// ownHost are hosts that Chromium asks for itself, whatever page is open.
var ownHost = regexp.MustCompile(`(^|\.)(google\.com|googleapis\.com|gstatic\.com|gvt1\.com)$`)

func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	page, known := b.pages[r.URL.String()]
	if !known {
		if !ownHost.MatchString(host) {
			b.asked = append(b.asked, r.Method+" "+r.URL.String())
		}
		http.Error(w, "not for this test", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, page)
}

// run opens a page and returns what Chromium prints, and its log.
func (b *browser) run(url string, flags ...string) (stdout, log string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.t.Context(), 3*time.Minute)
	defer stop()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
		"--user-data-dir=" + b.profile, "--proxy-server=" + b.proxy, "--proxy-bypass-list=<-loopback>", "--enable-logging=stderr", "--virtual-time-budget=2000"}, flags...)
	cmd := exec.CommandContext(ctx, b.path, append(args, url)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, 5*time.Second
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s: %v\n%s", b.path, err, errs.String())
	}
	return out.String(), errs.String()
}

var (
	console  = regexp.MustCompile(`(?m)^.*CONSOLE.*$`)
	docTitle = regexp.MustCompile(`(?s)<title>(.*?)</title>`)
)

// visit is what came of opening a page.
type visit struct {
	dom, title     string
	console, asked []string
}

func (b *browser) open(page string) visit {
	b.t.Helper()
	b.mu.Lock()
	b.pages[origin+"/page.html"], b.asked = page, nil
	b.mu.Unlock()
	dom, log := b.run(origin+"/page.html", "--dump-dom")
	v := visit{dom: dom, console: console.FindAllString(log, -1)}
	if m := docTitle.FindStringSubmatch(dom); m != nil {
		v.title = m[1]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.asked {
		if a != "GET "+origin+"/favicon.ico" { // Chromium's own idea
			v.asked = append(v.asked, a)
		}
	}
	return v
}

// TestBrowser: the page renders, says nothing on the console and asks for
// nothing, whatever people call themselves.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	t.Run("a bad page is found out", func(t *testing.T) {
		v := b.open(`<!DOCTYPE html><title>x</title><img src="http://evil.example/a"><script>document.title = "pwned"; console.error("bad")</script>`)
		if v.title != "pwned" || len(v.asked) != 1 || len(v.console) == 0 {
			t.Fatalf("the test sees nothing: title %q, asked %q, console %q", v.title, v.asked, v.console)
		}
	})
	t.Run("the policy holds", func(t *testing.T) {
		page := strings.Replace(render(t, sample("Contoso")), "</main>",
			`<img src="http://evil.example/a"><script>document.title = "pwned"</script><p style="color:red"></p></main>`, 1)
		v := b.open(page)
		if v.title == "pwned" || len(v.asked) != 0 || len(v.console) < 3 {
			t.Errorf("title %q, asked %q, console %q", v.title, v.asked, v.console)
		}
	})
	for i, name := range append([]string{"Contoso"}, strings.Join(hostile, " "), hostile[0], hostile[2]) {
		t.Run(fmt.Sprint("page ", i), func(t *testing.T) {
			v := b.open(render(t, sample(name)))
			if !strings.HasPrefix(v.title, "Licenses of ") || !strings.Contains(v.dom, "Written by lictrail.") {
				t.Errorf("the page does not render: title %q", v.title)
			}
			if len(v.console) > 0 {
				t.Errorf("on the console: %q", v.console)
			}
			if len(v.asked) > 0 {
				t.Errorf("asked for %q", v.asked)
			}
		})
	}
}

// TestBrowserLook: the page and the mail on a desktop, in the dark, on a phone and in
// print. The page has a dark look, takes the screen it is on, and prints what is folded.
func TestBrowserLook(t *testing.T) {
	b := newBrowser(t)
	var mail bytes.Buffer
	if err := sample("Contoso").Mail(&mail); err != nil {
		t.Fatal(err)
	}
	white := color.NRGBA{0xff, 0xff, 0xff, 0xff}
	for _, c := range []struct {
		name, html, setting string
		paper               color.NRGBA
		colors              int // at least
	}{
		{"page, light", render(t, sample("Contoso")), "--blink-settings=preferredColorScheme=1", color.NRGBA{0xf6, 0xf7, 0xf9, 0xff}, 20},
		{"page, dark", render(t, sample("Contoso")), "--blink-settings=preferredColorScheme=0", color.NRGBA{0x12, 0x16, 0x1c, 0xff}, 20},
		// What a mail program makes of the dark it does itself: the mail says both colors.
		{"mail, light", mail.String(), "--blink-settings=preferredColorScheme=1", white, 5},
		{"mail, dark", mail.String(), "--blink-settings=preferredColorScheme=0", white, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.pages[origin+"/page.html"] = c.html
			file := filepath.Join(t.TempDir(), "page.png")
			b.run(origin+"/page.html", c.setting, "--window-size=1280,1600", "--screenshot="+file)
			img := readPNG(t, file)
			if got := color.NRGBAModel.Convert(img.At(3, 3)); got != c.paper {
				t.Errorf("the paper is %v, want %v", got, c.paper)
			}
			colors := map[color.Color]bool{}
			for x := 0; x < 1280; x += 3 {
				for y := 0; y < 1600; y += 3 {
					colors[img.At(x, y)] = true
				}
			}
			if len(colors) < c.colors {
				t.Errorf("it has %d colors: nothing is drawn", len(colors))
			}
		})
	}
	t.Run("mail asks for nothing", func(t *testing.T) {
		if v := b.open(mail.String()); len(v.asked) > 0 || len(v.console) > 0 || !strings.Contains(v.dom, "Written by lictrail.") {
			t.Errorf("asked for %q, on the console: %q", v.asked, v.console)
		}
	})
	for _, c := range []struct {
		name, html string
		width      int
		shown      string // which of a drawing's two forms
	}{
		{"page on a phone", render(t, sample(strings.Repeat("W", 300))), 390, "slim"},
		{"page on a large screen", render(t, sample("Contoso")), 1280, "broad"},
		{"mail in a narrow pane", mail.String(), 600, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.pages[origin+"/page.html"] = c.html
			b.pages[origin+"/frame.html"] = fmt.Sprintf(`<!DOCTYPE html><title>?</title><iframe id="f" src="/page.html" width="%d" height="800" style="border:0"></iframe>
<script>f.onload = () => {
	const d = f.contentDocument
	const shown = [...new Set([...d.querySelectorAll(".slim, .broad")].filter(e => e.getBoundingClientRect().width > 0).map(e => e.classList.contains("broad") ? "broad" : "slim"))]
	const wide = [...d.querySelectorAll("figure.full")].every(e => e.getBoundingClientRect().width > 0.9 * e.parentElement.getBoundingClientRect().width)
	document.title = [d.documentElement.scrollWidth, shown, wide].join(" ")
}</script>`, c.width)
			dom, _ := b.run(origin+"/frame.html", "--dump-dom", "--window-size=1400,900")
			want := fmt.Sprintf("%d %s true", c.width, c.shown)
			if m := docTitle.FindStringSubmatch(dom); m == nil || m[1] != want {
				t.Errorf("width, drawings shown, and whether they take the width: %q, want %q", m, want)
			}
		})
	}
	t.Run("print", func(t *testing.T) {
		long := sample("Contoso")
		table := &long.Sections[0].Tables[0]
		for i := range 150 {
			table.Rows = append(table.Rows, []any{fmt.Sprint("row ", i), day(i), i, "explained"})
		}
		mails := &bytes.Buffer{}
		if err := long.Mail(mails); err != nil {
			t.Fatal(err)
		}
		open := b.printed(t, render(t, long))
		table.Folded = true
		folded := b.printed(t, render(t, long))
		short := b.printed(t, render(t, sample("Contoso")))
		if folded < open || folded <= short {
			t.Errorf("%d sheets with 150 rows folded, %d with them open, %d without them", folded, open, short)
		}
		if n := b.printed(t, mails.String()); n < 2 {
			t.Errorf("a mail of 150 rows has %d sheets", n)
		}
	})
}

// sheet is one of a PDF file.
var sheet = regexp.MustCompile(`/Type\s*/Page\b`)

// printed is how many sheets of paper a page takes.
func (b *browser) printed(t *testing.T, html string) int {
	t.Helper()
	b.pages[origin+"/page.html"] = html
	file := filepath.Join(t.TempDir(), "page.pdf")
	b.run(origin+"/page.html", "--no-pdf-header-footer", "--print-to-pdf="+file)
	pdf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := len(sheet.FindAll(pdf, -1))
	if n == 0 {
		t.Fatalf("%d bytes that are no PDF", len(pdf))
	}
	return n
}

func readPNG(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
