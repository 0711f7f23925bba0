package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
)

// maxTarget is how long the path and the query of a request may be.
const maxTarget = 2048

// Proxy describes the reverse proxy that a server trusts. The proxy signs people in and
// names them in a header.
type Proxy struct {
	UserHeader string // names the person; the proxy must replace what a client sends
	Secret     string // in the header [SecretHeader], so that nobody else can pretend to be the proxy
}

// SecretHeader is the header in which the proxy sends its secret.
const SecretHeader = "X-Lictrail-Proxy-Secret"

// guard passes permitted requests on, and refuses all others before they are parsed. It
// is needed because a page of another site, opened in the same browser, can send requests
// to this server (CSRF), and a host name of another site can resolve to this machine (DNS
// rebinding).
type guard struct {
	hosts  []string // what the Host header may be, exactly
	secret [sha256.Size]byte
	proxy  *Proxy // nil: none
	next   http.Handler
	opener opener
}

// opener redirects a browser to the secret address once. The command that opens a browser
// has its address on the command line, which other users of the machine can read.
type opener struct {
	code [sha256.Size]byte
	to   string
	left atomic.Bool // to be used
}

const openPath = "/open/"

// leads reports whether a request is the one that the opener waits for.
func (o *opener) leads(r *http.Request) bool {
	code, ok := strings.CutPrefix(r.URL.Path, openPath)
	sum := sha256.Sum256([]byte(code))
	return ok && r.Method == http.MethodGet && subtle.ConstantTimeCompare(sum[:], o.code[:]) == 1 && o.left.CompareAndSwap(true, false)
}

// headers are those of every response. The policy allows nothing but this
// server's own files, and no script or style inside a page.
var headers = map[string]string{
	"Cache-Control": "no-store",
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"X-Robots-Tag":                 "noindex, nofollow",
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	status, message := g.judge(r)
	if status == http.StatusNotFound && g.opener.leads(r) {
		w.Header().Set("Location", g.opener.to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if status != 0 {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD")
		}
		refuse(w, status, message)
		return
	}
	if crossSite(r) {
		refuseCrossSite(w, r)
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path[1:], "/")
	inner := r.Clone(context.WithValue(r.Context(), askerKey{}, g.asker(r)))
	inner.URL.Path, inner.URL.RawPath = "/"+rest, ""
	g.next.ServeHTTP(w, inner)
}

// judge returns the status and the message of a refusal; 0 for none.
func (g *guard) judge(r *http.Request) (int, string) {
	switch {
	case !slices.Contains(g.hosts, r.Host):
		return http.StatusMisdirectedRequest, "This server answers under the address that it printed, and under no other name."
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return http.StatusMethodNotAllowed, "This server only shows: GET and HEAD."
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return http.StatusBadRequest, "A request must have no body."
	case len(r.RequestURI) > maxTarget:
		return http.StatusRequestURITooLong, "The address is too long."
	case !g.fromProxy(r):
		return http.StatusForbidden, "This server answers only its proxy, for a person who is signed in."
	case !wellFormed(r) || !g.secretIn(r.URL.Path):
		return http.StatusNotFound, "There is no such page. The address is the one that lictrail serve printed."
	}
	return 0, ""
}

// fromProxy reports whether the proxy sent a request, and says for whom.
func (g *guard) fromProxy(r *http.Request) bool {
	if g.proxy == nil {
		return true
	}
	given, want := sha256.Sum256([]byte(r.Header.Get(SecretHeader))), sha256.Sum256([]byte(g.proxy.Secret))
	return len(r.Header.Values(SecretHeader)) == 1 && subtle.ConstantTimeCompare(given[:], want[:]) == 1 && g.asker(r) != ""
}

// asker is the person for whom the proxy asks; "" without a proxy, and where it
// names nobody or several.
func (g *guard) asker(r *http.Request) string {
	if g.proxy == nil {
		return ""
	}
	names := r.Header.Values(g.proxy.UserHeader)
	if len(names) != 1 {
		return ""
	}
	return strings.TrimSpace(names[0])
}

// wellFormed refuses paths that could be resolved to another path, such as those with dots.
func wellFormed(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") && !strings.ContainsFunc(path, unicode.IsControl) &&
		!strings.Contains(path, `\`) && !slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// secretIn compares the first part of a path with the secret, in a time that
// does not depend on how much of it is right.
func (g *guard) secretIn(path string) bool {
	given, _, slash := strings.Cut(path[1:], "/")
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], g.secret[:]) == 1 && slash
}

type askerKey struct{}

// asker is the person behind the proxy who asks; "" where there is no proxy.
func asker(ctx context.Context) string {
	name, _ := ctx.Value(askerKey{}).(string)
	return name
}

// crossSite reports whether a page of another site sent the request. Old browsers
// and programs do not say.
func crossSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}

// refuseCrossSite refuses a request of another site's page. It shows a link of this server
// to the same address, so that a person who followed a link from a ticket can go on.
func refuseCrossSite(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" {
		refuse(w, http.StatusForbidden, "Another site asked for this page.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	here := &url.URL{Path: "./" + r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], RawQuery: r.URL.RawQuery}
	_ = crossed.Execute(w, here.String()) // a client that is gone misses nothing
}

var crossed = template.Must(template.New("crossed").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>lictrail</title></head>
<body><main><h1>lictrail</h1><p>Another site led to this page. It is not shown unless you ask for it here.</p><p><a href="{{.}}">Show the page</a></p></main></body></html>
`))

// refuse answers in one sentence, which repeats nothing of the request.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(message + "\n")) // a client that is gone misses nothing
}
