package graph

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// refusal is a reason not to give out a token, in plain words. Codes are those
// of learn.microsoft.com/entra/identity-platform/reference-error-codes.
type refusal struct {
	codes []string // of AADSTS
	words []string // beside one of the codes, or where there are none
	what  string   // "" means that the authority's own words are shown
	hint  string
}

const (
	hintSecret   = "make a new client secret for the application (Certificates & secrets) and put its value into AZURE_CLIENT_SECRET"
	hintTrust    = "compare issuer, subject and audience with the application's federated credential (Certificates & secrets)"
	hintConsent  = "let an administrator grant the application's permissions (API permissions, Grant admin consent)"
	hintTenant   = "check --tenant or AZURE_TENANT_ID, and that --cloud is the tenant's cloud"
	hintPolicy   = "sign in from a place and device that the policy allows, or let an administrator exempt this sign-in (Conditional Access)"
	hintPerson   = "sign in as a person with --auth device-code or browser, or use an application: --auth certificate or secret"
	hintResource = "check --cloud and --graph-endpoint: a token is asked for the address that is read"
)

// refusals: the first that fits counts.
var refusals = []refusal{
	{codes: []string{"7000222"}, what: "the client secret has expired", hint: hintSecret},
	{codes: []string{"7000215"}, what: "the client secret is wrong", hint: "put the secret's value, not its id, into AZURE_CLIENT_SECRET; a value that is lost needs a new secret"},
	{codes: []string{"700027"}, words: []string{"is expired"}, what: "the certificate has expired",
		hint: "make a new certificate, upload it to the application (Certificates & secrets) and name its file with --certificate"},
	{codes: []string{"700027", "7000213"}, what: "the certificate is not one of the application's",
		hint: "upload the certificate to the application (Certificates & secrets), or name the right file with --certificate"},
	{codes: []string{"700024"}, what: "the signed statement is not valid now", hint: "set the clock of this machine right; a federated token may also have expired"},
	{codes: []string{"70021", "700211", "700212", "700213"}, what: "the application does not trust this workload", hint: hintTrust},
	{codes: []string{"700016", "7000229"}, what: "the tenant does not know the application", hint: "check --client-id or AZURE_CLIENT_ID, and --tenant: the application must exist in that tenant"},
	{codes: []string{"90002", "900023", "50059"}, what: "there is no such tenant", hint: hintTenant},
	{codes: []string{"900382", "900432", "900439"}, what: "the application is of another cloud", hint: hintTenant},
	{codes: []string{"500011", "500014", "650057", "70011", "1002012"}, what: "the tenant does not know the service that is to be read", hint: hintResource},
	{codes: []string{"65001", "65004", "90094", "650052", "650056"}, what: "consent is missing", hint: hintConsent},
	{codes: []string{"50076", "50079", "50072", "50074", "50078", "50158"}, what: "multifactor authentication is asked for", hint: hintPerson},
	{codes: []string{"53000", "53001", "53002", "53003", "53004", "530003", "50005", "50097", "50131"},
		what: "a Conditional Access policy refuses the sign-in", hint: hintPolicy},
	{codes: []string{"7000218"}, what: "the application is not one that people may sign in to from here", hint: "let the application allow public client flows (Authentication), or use --auth secret or certificate"},
	{codes: []string{"50011"}, what: "the application does not know the address of this sign-in", hint: "add the platform Mobile and desktop applications with http://localhost to the application (Authentication)"},
	{codes: []string{"7000112", "50057"}, what: "the account or application is disabled", hint: "let an administrator enable it, or sign in with another one"},
	{codes: []string{"50105"}, what: "the account is not assigned to the application", hint: "let an administrator assign it (Enterprise applications, Users and groups)"},
	{codes: []string{"50020", "50034"}, what: "the account does not exist in this tenant", hint: hintTenant},
	{codes: []string{"50173", "700082", "70043", "50132", "50133"}, what: "the sign-in of before has expired", hint: "sign in anew, such as with az login"},
	{words: []string{"authorization_declined"}, what: "the sign-in was declined", hint: "run it again, and accept on the page that the message names"},
	{words: []string{"expired_token", "code_expired"}, what: "nobody entered the code in time", hint: "run it again, and enter the code on the page that the message names"},
	{words: []string{"requires multifactor"}, what: "multifactor authentication is asked for", hint: "run az login again, or use an application: --auth certificate or secret"},
	{words: []string{"az login"}, what: "the Azure CLI is not signed in", hint: "az login, with --tenant for another tenant than your own"},
	{words: []string{"AzureCLICredential: executable not found"}, what: "the Azure CLI (az) is not installed", hint: "install it, or sign in another way: --auth (docs/sign-in.md)"},
	{words: []string{"no managed identity here", "identity isn't assigned", "system assigned identity", "Identity not found"}, what: "this machine has no such managed identity",
		hint: "assign one to it; name a user-assigned one with --client-id, and give none for the machine's own"},
	{words: []string{"xdg-open", "InteractiveBrowserCredential: exit status"}, what: "no browser could be opened", hint: "use --auth device-code, which needs none on this machine"},
	{words: []string{"identity of this job"}, hint: "run it in a job of GitHub Actions that has the permission \"id-token: write\""},
	{words: []string{"invalid tenantID"}, what: "the tenant is neither an id nor a domain name", hint: hintTenant},
}

func (f *refusal) fits(code, text string) bool {
	worded := slices.ContainsFunc(f.words, func(w string) bool { return strings.Contains(text, w) })
	if len(f.codes) == 0 {
		return worded
	}
	return slices.Contains(f.codes, code) && (len(f.words) == 0 || worded)
}

var (
	stsCode        = regexp.MustCompile(`AADSTS(\d+)`)
	stsDescription = regexp.MustCompile(`"error_description":\s*("(?:[^"\\]|\\.)*")`)
	stsTrace       = regexp.MustCompile(`(?i)trace id: ([0-9a-f-]{36})`)
	statusWords    = regexp.MustCompile(`reply status code was (\d{3})`)

	// What must never show: tokens, also those in an answer that could not be
	// understood and is shown whole, and names of users.
	rawAnswer = regexp.MustCompile(`(?s)(raw message was|message bytes were).*`)
	longToken = regexp.MustCompile(`[A-Za-z0-9_~.+=-]{60,}`)
	userName  = regexp.MustCompile(`[^\s'"<>(]+@[^\s'"<>)]+`)
)

// heard is how the last request of a sign-in ended, which azidentity's errors
// do not always say: of a code that nobody entered they have lost the answer.
type heard struct {
	status int
	body   string
	err    error
}

// heardKey carries a *heard to [listener.Do].
type heardKey struct{}

// listener fills in what was heard.
type listener struct{ next policy.Transporter }

// Do implements [policy.Transporter].
func (l listener) Do(req *http.Request) (*http.Response, error) {
	resp, err := l.next.Do(req)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxToken)
	}
	h, ok := req.Context().Value(heardKey{}).(*heard)
	if !ok {
		return resp, err
	}
	*h = heard{err: err}
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		*h = heard{status: resp.StatusCode, body: string(body), err: readErr}
	}
	return resp, err
}

// maxToken is more than any answer of an authority has.
const maxToken = 1 << 20

// add joins what was heard to azidentity's error.
func (h heard) add(err error) error {
	if h == (heard{}) {
		return err
	}
	return overheard{err, h}
}

type overheard struct {
	error
	heard heard
}

func (o overheard) Unwrap() []error {
	if o.heard.err == nil {
		return []error{o.error}
	}
	return []error{o.error, o.heard.err}
}

// words is what is known of a failed sign-in.
type words struct {
	text   string // all of it; never shown as it is
	code   string // digits of AADSTS
	status int    // 0 when nothing came
}

func wordsOf(err error) words {
	w := words{text: err.Error()}
	failed := (*azidentity.AuthenticationFailedError)(nil)
	if o := (overheard{}); errors.As(err, &o) && o.heard.status != 0 {
		w.text, w.status = o.heard.body, o.heard.status
	} else if errors.As(err, &failed) && failed.RawResponse != nil {
		w.status = failed.RawResponse.StatusCode
	} else if m := statusWords.FindStringSubmatch(w.text); m != nil {
		w.status, _ = strconv.Atoi(m[1]) // it is three digits
	}
	if m := stsCode.FindStringSubmatch(w.text); m != nil {
		w.code = m[1]
	}
	return w
}

// shown returns the authority's own words, or the error's where it has none.
func (w words) shown() string {
	text := w.text
	if m := stsDescription.FindStringSubmatch(text); m != nil {
		if description, err := strconv.Unquote(strings.ReplaceAll(m[1], `\/`, "/")); err == nil {
			text, _, _ = strings.Cut(description, "Trace ID")
		}
	} else if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = "an answer that makes no sense" // of a proxy
	}
	if _, tried, ok := strings.Cut(text, chainWords); ok { // a line for each
		text = chainWords + " " + strings.ReplaceAll(strings.TrimSpace(tried), "\n", ";")
	}
	text = rawAnswer.ReplaceAllString(text, "an answer that makes no sense")
	text = longToken.ReplaceAllString(text, "…")
	return userName.ReplaceAllString(text, "(a user)")
}

// unsigned reports that no token could be had.
func (r *reader) unsigned(err error) *Error {
	w := wordsOf(err)
	if e, ok := r.unreached(err, w); ok {
		return e
	}
	e := r.fail(nil)
	e.Status, e.Hint = w.status, "check --auth, --tenant and --cloud"
	if a := (advised{}); errors.As(err, &a) {
		e.Hint = a.hint
	}
	if m := stsTrace.FindStringSubmatch(w.text); m != nil {
		e.RequestID = m[1]
	}
	if w.code != "" {
		e.Code = "AADSTS" + w.code
	}
	what := tidied{tidy(errors.New(w.shown())).Error(), err}
	i := slices.IndexFunc(refusals, func(f refusal) bool { return f.fits(w.code, w.text) })
	_, tried, chain := strings.Cut(what.text, chainWords)
	switch {
	case chain && w.code == "":
		what.text = strings.TrimSpace(tried)
		e.Hint, e.Err = hintDefault, kinded(ErrAuth, "sign in: nothing was found to sign in with; %w", what)
	case i >= 0:
		e.Hint = refusals[i].hint
		if refusals[i].what != "" {
			what.text = refusals[i].what
		}
		fallthrough
	default:
		e.Err = kinded(ErrAuth, "sign in: %w", what)
	}
	return e
}

// unreached reports that the place which issues tokens is out of reach, as
// opposed to it saying no.
func (r *reader) unreached(err error, w words) (*Error, bool) {
	if !signInOutage(err, w) {
		return nil, false
	}
	text := w.shown()
	if o := (overheard{}); errors.As(err, &o) && o.heard.err != nil {
		text = tidy(o.heard.err).Error()
	}
	e := r.fail(kinded(ErrUnavailable, "sign in: %w", tidied{tidy(errors.New(text)).Error(), err}))
	e.retry = later
	if strings.Contains(w.text, "x509:") {
		e.retry, e.Hint = never, "the authority's certificate is not trusted: name the file of a private CA in SSL_CERT_FILE, and check the clock"
	}
	return e, true
}

// chainWords stand before what a chain of credentials tried.
const chainWords = "Attempted credentials:"

// outageWords are how network trouble reads once azidentity has made it text.
var outageWords = []string{"dial tcp", "no such host", "connection re", "i/o timeout", "TLS handshake timeout", "unexpected EOF",
	": EOF", "context deadline exceeded", "x509:"}

// signInOutage distinguishes network trouble from a refusal.
func signInOutage(err error, w words) bool {
	if netErr := net.Error(nil); errors.As(err, &netErr) {
		return true
	}
	if w.status != 0 {
		return w.status >= 500 || w.status == http.StatusTooManyRequests
	}
	// The managed identity endpoint, which most machines do not have, times out.
	absent := strings.Contains(w.text, chainWords) || strings.Contains(w.text, "no managed identity here")
	return w.code == "" && !absent &&
		slices.ContainsFunc(outageWords, func(word string) bool { return strings.Contains(w.text, word) })
}
