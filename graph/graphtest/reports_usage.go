package graphtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Workloads are what [Tenant.Use] knows, as usage reports call them, and the
// apps whose use or activation other reports show.
const (
	Exchange   = "Exchange"
	OneDrive   = "OneDrive"
	SharePoint = "SharePoint"
	Skype      = "Skype For Business"
	Yammer     = "Yammer"
	Teams      = "Teams"
	Apps       = "Apps"
	Copilot    = "Copilot"
	Project    = "PROJECT CLIENT"
	Visio      = "VISIO CLIENT"
)

var workloads = []string{Exchange, OneDrive, SharePoint, Skype, Yammer, Teams}

// reportLag is how old the newest usage report is.
const reportLag = 48 * time.Hour

// The usage reports served.
const (
	EndpointActiveUsers Endpoint = "reports/getOffice365ActiveUserDetail"
	EndpointApps        Endpoint = "reports/getM365AppUserDetail"
	EndpointActivations Endpoint = "reports/getOffice365ActivationsUserDetail"
)

// SignIn lets a user sign in, with success or not.
func (t *Tenant) SignIn(user string, success bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[user]
	u.LastSignIn = t.now
	if success {
		u.LastSuccess = t.now
	}
}

// Use lets a user do something in a workload or an app.
func (t *Tenant) Use(user, workload string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.use(user, workload)
	if workload == Copilot {
		u := t.users[user]
		u.prompts = append(slices.Clip(u.prompts), prompts{t.now, "", 1})
	}
}

func (t *Tenant) use(user, workload string) {
	u := t.users[user]
	used := map[string]time.Time{}
	for w, at := range u.used {
		used[w] = at
	}
	used[workload] = t.now
	u.used = used
}

// reportEndpoints are answered by a redirect to a file on another host.
func reportEndpoints() []*endpoint {
	scopes := []string{"Reports.Read.All"}
	return []*endpoint{
		{name: EndpointActiveUsers, scopes: scopes, produce: report(activeUsers)},
		{name: EndpointApps, scopes: scopes, produce: report(appUsers)},
		{name: EndpointActivations, scopes: scopes, produce: report(activations)},
		{name: EndpointCopilot, scopes: scopes, produce: copilotStream},
		{name: EndpointCopilotOld, scopes: scopes, options: []string{"$format"}, produce: copilotOld},
	}
}

var reportPath = regexp.MustCompile(`^(reports/\w+)\(period='(\w+)'\)$`)

// reportName takes the period off the path of a report.
func reportName(path string) (Endpoint, *apiError) {
	m := reportPath.FindStringSubmatch(path)
	switch {
	case m == nil:
		return Endpoint(path), nil
	case !slices.Contains([]string{"D7", "D30", "D90", "D180"}, m[2]):
		return "", fail(http.StatusBadRequest, "InvalidArgument", "Invalid period value specified: %s.", m[2])
	}
	return Endpoint(m[1]), nil
}

// report makes a file of rows and redirects to it.
func report(rows func(*Tenant) [][]string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		file, err := fileOf(c.s.t, rows)
		if err != nil {
			return nil, err
		}
		location := c.s.files.put(file)
		return &answer{status: http.StatusFound, contentType: "text/plain", header: map[string]string{"Location": location}}, nil
	}
}

// fileOf is a file of rows.
func fileOf(t *Tenant, rows func(*Tenant) [][]string) ([]byte, *apiError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.WriteAll(rows(t)); err != nil {
		return nil, fail(http.StatusInternalServerError, "UnknownError", "%v", err)
	}
	return b.Bytes(), nil
}

func (t *Tenant) refreshed() time.Time { return t.now.Add(-reportLag).UTC().Truncate(24 * time.Hour) }

// shown is the day of an activity as a report has it: what came after it was
// made is not in it.
func (t *Tenant) shown(u *User, workload string) string {
	at := u.used[workload]
	if at.IsZero() || at.After(t.refreshed().AddDate(0, 0, 1)) {
		return ""
	}
	return at.UTC().Format(time.DateOnly)
}

// workloadsOf returns which workloads a service plan licenses.
var workloadsOf = map[string][]string{
	plansByName["EXCHANGE_S_ENTERPRISE"].ID: {Exchange},
	plansByName["SHAREPOINTENTERPRISE"].ID:  {SharePoint, OneDrive},
	plansByName["ONEDRIVE_BASIC"].ID:        {OneDrive},
	plansByName["MCOSTANDARD"].ID:           {Skype},
	plansByName["YAMMER_ENTERPRISE"].ID:     {Yammer},
	plansByName["TEAMS1"].ID:                {Teams},
}

// licensedFor are the cells on a workload's license: whether there is one, and
// since which day. Nothing is known of a tenant too big to remember.
func (t *Tenant) licensedFor(u *User, workload string) (has, since string) {
	at, ok := u.licensed[workload]
	switch {
	case t.big != nil:
		return "True", ""
	case !ok || at.After(t.refreshed().AddDate(0, 0, 1)):
		return "False", ""
	}
	return "True", at.UTC().Format(time.DateOnly)
}

// called are the names that a report has for a user.
func (t *Tenant) called(u *User) (upn, name string) {
	if !t.Concealed {
		return u.UPN, u.DisplayName
	}
	sum := sha256.Sum256([]byte(u.ID))
	hidden := strings.ToUpper(hex.EncodeToString(sum[:16]))
	return hidden, hidden
}

// listed are the users whom reports name: those with a license.
func (t *Tenant) listed() []*User {
	if t.big != nil {
		return t.big.listed()
	}
	var users []*User
	for _, id := range t.order {
		if u := t.users[id]; len(u.Licenses) > 0 {
			users = append(users, u)
		}
	}
	return users
}

func activeUsers(t *Tenant) [][]string {
	header := []string{"Report Refresh Date", "User Principal Name", "Display Name", "Is Deleted", "Deleted Date"}
	for _, w := range workloads {
		header = append(header, "Has "+w+" License", w+" Last Activity Date", w+" License Assign Date")
	}
	rows := [][]string{append(header, "Assigned Products")}
	for _, u := range t.listed() {
		upn, name := t.called(u)
		row := []string{t.refreshed().Format(time.DateOnly), upn, name, "False", ""}
		for _, w := range workloads {
			has, since := t.licensedFor(u, w)
			row = append(row, has, t.shown(u, w), since)
		}
		rows = append(rows, append(row, "MICROSOFT 365 E3+OTHER, WITH A COMMA"))
	}
	return rows
}

func appUsers(t *Tenant) [][]string {
	rows := [][]string{{"Report Refresh Date", "User Principal Name", "Last Activation Date", "Last Activity Date", "Report Period", "Windows"}}
	for _, u := range t.listed() {
		upn, _ := t.called(u)
		rows = append(rows, []string{t.refreshed().Format(time.DateOnly), upn, "", t.shown(u, Apps), "180", "Yes"})
	}
	return rows
}

func activations(t *Tenant) [][]string {
	rows := [][]string{{"Report Refresh Date", "User Principal Name", "Display Name", "Product Type", "Last Activated Date", "Windows", "Mac"}}
	for _, u := range t.listed() {
		upn, name := t.called(u)
		for _, product := range []struct{ sku, name string }{{SKUProject, Project}, {SKUVisio, Visio}, {SKUE3, "MICROSOFT 365 APPS FOR ENTERPRISE"}} {
			if u.Holds(product.sku) {
				rows = append(rows, []string{t.refreshed().Format(time.DateOnly), upn, name, product.name, t.shown(u, product.name), "0", "0"})
			}
		}
	}
	return rows
}

// fileHost serves the files of reports from another host than Graph's. It
// refuses whoever brings a token: the address is all that is needed, and no
// other host may see the token.
type fileHost struct {
	s    *Server
	base string
}

func (f *fileHost) put(file []byte) string {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	key := guid(f.s.rng.Uint64(), f.s.rng.Uint64())
	f.s.kept[key] = file
	return fmt.Sprintf("%s/data/download/%s?sig=secret", f.base, key)
}

// ServeHTTP implements [http.Handler].
func (f *fileHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.s.mu.Lock()
	file, ok := f.s.kept[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	leaked := r.Header.Get("Authorization") != ""
	f.s.leaked = f.s.leaked || leaked
	f.s.mu.Unlock()
	switch {
	case leaked:
		http.Error(w, "a token was sent to the wrong host", http.StatusBadRequest)
	case !ok:
		http.Error(w, "no such file", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		send(w, http.StatusOK, file)
	}
}

// Leaked reports whether a token was sent to the host of files.
func (s *Server) Leaked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaked
}
