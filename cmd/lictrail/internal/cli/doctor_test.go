package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/internal/golden"
)

// patient is a tenant with all that a doctor looks at.
type patient struct {
	*graphtest.Tenant
	server         *graphtest.Server
	base, activity string
	token, db      string
}

const doctorApp = "5f0c1f6a-3c1b-4a55-9d7e-2f6b6d1f9a11"

// appToken is a token of an application, as far as it can be read.
func appToken(tenant string, roles ...string) string {
	claims, err := json.Marshal(map[string]any{"tid": tenant, "appid": doctorApp, "roles": roles, "app_displayname": "secret name"})
	if err != nil {
		panic(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2lnbmF0dXJl"
}

func newPatient(t *testing.T, roles ...string) *patient {
	t.Helper()
	p := &patient{Tenant: graphtest.New(1), db: filepath.Join(t.TempDir(), "t.db")}
	p.Populate(20, 3)
	p.token = appToken(p.ID, roles...)
	p.server = graphtest.NewServer(p.Tenant, graphtest.WithToken(p.token))
	var err, err2 error
	p.base, err = p.server.Start()
	p.activity, err2 = p.server.StartActivity()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.server.Close() })
	return p
}

// run executes a command at the tenant's time, on a terminal of 80 columns or on
// none, and returns what it printed and its exit code.
func (p *patient) run(t *testing.T, terminal bool, args ...string) (stdout string, code int) {
	t.Helper()
	var printed, told bytes.Buffer
	getenv := func(name string) string {
		return map[string]string{"LICTRAIL_ACCESS_TOKEN": p.token, "LICTRAIL_ACTIVITY_TOKEN": graphtest.ActivityToken, "HOME": t.TempDir()}[name]
	}
	e := &env{Streams: out.NewStreams(strings.NewReader(""), &printed, &told, getenv), getenv: getenv, now: p.Now}
	e.OutTTY, e.Width = terminal, 80
	root := newRoot(e)
	root.SetArgs(append(args, "--auth", "token", "--graph-endpoint", p.base, "--activity-endpoint", p.activity, "--db", p.db))
	err := root.ExecuteContext(t.Context())
	code = e.Fail(explain(err), false)
	if strings.Contains(printed.String()+told.String(), p.token) || strings.Contains(printed.String()+told.String(), "secret name") {
		t.Errorf("the token shows:\n%s%s", printed.String(), told.String())
	}
	return printed.String(), code
}

type doctorReport struct {
	Items []doctor.DoctorJSON `json:"items"`
}

func (p *patient) doctor(t *testing.T, args ...string) (map[string]doctor.DoctorJSON, int) {
	t.Helper()
	text, code := p.run(t, false, append([]string{"doctor", "--format", "json"}, args...)...)
	var report doctorReport
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	rows := map[string]doctor.DoctorJSON{}
	for _, i := range report.Items {
		rows[i.Check] = i
	}
	return rows, code
}

// TestDoctorTable holds what a person sees of a healthy tenant, and of one with a
// permission missing, on a terminal of 80 columns.
func TestDoctorTable(t *testing.T) {
	p := newPatient(t, "User.Read.All", "Organization.Read.All")
	if text, code := p.run(t, false, "sync"); code != 0 {
		t.Fatal(text)
	}
	for name, endpoint := range map[string]graphtest.Endpoint{
		"doctor_healthy.golden": "", "doctor_missing.golden": graphtest.EndpointAudits, "doctor_failed.golden": graphtest.EndpointUsers,
	} {
		p.server.ClearFaults()
		if endpoint != "" {
			p.server.Inject(graphtest.Fault{Endpoint: endpoint, Times: graphtest.Forever, Kind: graphtest.Fault403})
		}
		got, _ := p.run(t, true, "doctor")
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 && !strings.HasPrefix(line, "  lictrail ") && !strings.HasPrefix(line, "  https:") { // what is to be pasted stays whole
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
		// What differs from machine to machine.
		got = regexp.MustCompile(`(?ms)^(lictrail +ok +).*?, schema.*?\n`).ReplaceAllString(got, "${1}(the build)\n")
		got = regexp.MustCompile(`(?ms)^(SQLite +ok +).*?\n`).ReplaceAllString(got, "${1}(its version)\n")
		got = regexp.MustCompile(`(?ms)^(folder +ok +).*?^disk`).ReplaceAllString(got, "${1}(its name and mode)\ndisk")
		got = regexp.MustCompile(`(?ms)^(disk +)\w+( +).*?^database`).ReplaceAllString(got, "${1}ok${2}(its kind and room)\ndatabase")
		got = regexp.MustCompile(`schema \d+, \d+ [KM]B`).ReplaceAllString(got, "schema N, of some size")
		got = regexp.MustCompile(`(?m)^(lock +)\w+( +).*$`).ReplaceAllString(got, "${1}ok${2}(what the system tells)")
		got = regexp.MustCompile(`head [0-9a-f]{8}`).ReplaceAllString(got, "head ????????")
		golden.File(t, filepath.Join("testdata", name), got)
	}
}

// doctorEndpoints is what each read of a run asks.
var doctorEndpoints = map[string]graphtest.Endpoint{
	"users": graphtest.EndpointUsers, "user": graphtest.EndpointUser, "user count": graphtest.EndpointUsersCount, "SKUs": graphtest.EndpointSKUs,
	"organization": graphtest.EndpointOrganization, "subscriptions": graphtest.EndpointSubscriptions, "group": graphtest.EndpointGroup,
	"deleted users": graphtest.EndpointDeleted, "directory audits": graphtest.EndpointAudits, "sign-ins": graphtest.EndpointUsers,
	"application owners": graphtest.EndpointPrincipal, "agent users": graphtest.EndpointAgents, "cloud licensing": graphtest.EndpointAllotments,
	"usage report": graphtest.EndpointActiveUsers, "Purview audit search": graphtest.EndpointSearches, "Management Activity API": graphtest.EndpointFeedList,
}

// TestDoctorPermissions refuses each read in turn. The doctor names the permission
// and says of every other read what it said before; it fails exactly when sync
// does, with the same exit code.
func TestDoctorPermissions(t *testing.T) {
	p := newPatient(t)
	healthy, code := p.doctor(t)
	if code != 0 {
		t.Fatalf("exit code %d: %v", code, healthy)
	}
	for _, permission := range graph.Permissions() {
		if permission.Feature == graph.FeaturePartner { // no run asks for it: --for partner does
			continue
		}
		t.Run(permission.Op, func(t *testing.T) {
			fault := graphtest.Fault{Endpoint: doctorEndpoints[permission.Op], Times: graphtest.Forever, Kind: graphtest.Fault403}
			switch permission.Op {
			case "users": // sign-ins are asked of the same endpoint
				fault.Query = "assignedLicenses"
			case "sign-ins":
				fault.Query = "signInActivity"
			}
			p.server.ClearFaults()
			p.server.Inject(fault)
			rows, code := p.doctor(t)
			p.db = filepath.Join(t.TempDir(), "t.db")
			source := map[graph.Feature]string{graph.FeaturePurview: connect.AuditPurview, graph.FeatureFeed: connect.AuditActivity}[permission.Feature]
			if text, want := p.run(t, false, "sync", "--activity", "all", "--audit-source", cmpFirst(source, connect.AuditGraph)); code != want {
				t.Errorf("exit code %d, that of sync is %d: %s", code, want, text)
			}
			p.server.StopFeed()
			if (code != 0) != permission.Needed {
				t.Errorf("exit code %d", code)
			}
			p.db = filepath.Join(t.TempDir(), "t.db")
			want := map[bool]string{true: doctor.Failed, false: doctor.Warning}[permission.Needed]
			got := rows[permission.Op]
			if got.Status != want || got.Fix == nil || got.Permission == nil || !strings.Contains(*got.Fix, permission.Application) {
				t.Errorf("got %+v", got)
			}
			consent := "https://login.microsoftonline.com/" + p.ID + "/adminconsent?client_id=" + doctorApp
			if !slices.Contains(got.Paste, consent) {
				t.Errorf("want %s among %q", consent, got.Paste)
			}
			for _, other := range graph.Permissions() {
				if other.Op == permission.Op || other.Op == "user" && permission.Op == "users" {
					continue
				}
				if diff := cmp.Diff(healthy[other.Op], rows[other.Op]); diff != "" {
					t.Errorf("%s: %s", other.Op, diff)
				}
			}
		})
	}
}

// TestDoctorSignIn: an application that may write is one too many.
func TestDoctorSignIn(t *testing.T) {
	p := newPatient(t, "User.Read.All", "Directory.ReadWrite.All")
	rows, code := p.doctor(t)
	if got := rows["sign-in"]; code != 0 || got.Status != doctor.Warning || !strings.Contains(got.Found, "may also write: Directory.ReadWrite.All") {
		t.Errorf("exit code %d, %+v", code, got)
	}
}
