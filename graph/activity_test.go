package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// people is a tenant of three users with E3: one who signs in, one who only
// tries, one who never does.
func people(t *testing.T) (tenant *graphtest.Tenant, works, fails, never string) {
	t.Helper()
	tenant = graphtest.New(1)
	add := func(name string) string {
		return tenant.AddUser(tenant.Admins[0], graphtest.UserSpec{Name: name, SKUs: []string{graphtest.SKUE3, graphtest.SKUVisio, graphtest.SKUCopilot}})
	}
	works, fails, never = add("Works"), add("Fails"), add("Never")
	tenant.SignIn(works, true)
	tenant.Use(works, graphtest.Teams)
	tenant.Use(works, graphtest.Visio)
	tenant.Advance(24 * time.Hour)
	tenant.SignIn(works, false)
	tenant.SignIn(fails, false)
	tenant.Advance(5 * 24 * time.Hour)
	return tenant, works, fails, never
}

// What succeeded counts before what was tried, and later tries do not. Both
// ways of writing "never" are never.
func TestSignIns(t *testing.T) {
	for seed := range uint64(8) {
		tenant, works, fails, never := people(t)
		s := graphtest.NewServer(tenant, graphtest.WithSeed(seed), graphtest.WithVaryingPages(), graphtest.WithEmptyPages())
		base, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, err := New(Options{Endpoint: base, Credential: &fakeToken{tokens: []string{graphtest.DefaultToken}}, Unpaced: true})
		if err != nil {
			t.Fatal(err)
		}
		var all collector[snapshot.ActivityRow]
		if _, err := c.SignIns(t.Context(), all.Page, all.Restart); err != nil {
			t.Fatal(err)
		}
		got := map[snapshot.UserID]string{}
		for _, s := range all.Rows {
			got[s.User] = ""
			for _, u := range s.Uses {
				got[s.User] += fmt.Sprintf("%s %s", u.Kind, u.At.Format(time.DateOnly))
			}
		}
		for id, want := range map[string]string{
			works: "sign-in 2026-01-05", fails: "interactive-sign-in-attempt 2026-01-06", never: "",
		} {
			if word, ok := got[snapshot.UserID(id)]; !ok || word != want {
				t.Errorf("seed %d: %q, want %q", seed, word, want)
			}
		}
	}
}

// A page of sign-ins has 500 users at most, whatever the page size is.
func TestSignIns_PageSize(t *testing.T) {
	tenant, _, _, _ := people(t)
	s, c := simulate(t, tenant, func(o *Options) { o.PageSize = 999 })
	if _, err := c.SignIns(t.Context(), drop, again); err != nil {
		t.Fatal(err)
	}
	r := s.Requests()[0]
	if got := r.Query.Get("$top"); got != "500" || r.Header.Get("ConsistencyLevel") != "" || r.Query.Has("$count") || r.Query.Has("$filter") {
		t.Errorf("asked for %v", r.Query)
	}
}

func TestSignIns_Errors(t *testing.T) {
	for _, test := range []struct {
		name, hint string
		edit       func(*graphtest.Tenant)
		scopes     []string
	}{
		{"no premium", "no Microsoft Entra ID P1 or P2", func(t *graphtest.Tenant) { t.Premium = false }, graphtest.AllScopes},
		{"no permission", "AuditLog.Read.All", func(*graphtest.Tenant) {}, []string{"User.Read.All"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tenant, _, _, _ := people(t)
			test.edit(tenant)
			_, c := simulate(t, tenant, func(*Options) {}, graphtest.WithScopes(test.scopes...))
			_, err := c.SignIns(t.Context(), drop, again)
			e := (*Error)(nil)
			if !errors.As(err, &e) || !errors.Is(err, ErrAuth) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("%v", err)
			}
		})
	}
}

// usageText is what a report tells, one line for each user.
func usageText(u snapshot.Usage, tenant *graphtest.Tenant) []string {
	var lines []string
	for _, r := range u.Rows {
		line := strings.SplitN(r.UPN, "@", 2)[0] + " " + string(r.Source)
		for _, use := range r.Uses {
			line += fmt.Sprintf(" %s=%s", use.Kind, use.At.Format(time.DateOnly))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// Every report comes as a file from another host, which sees no token.
func TestUsage(t *testing.T) {
	tenant, _, _, _ := people(t)
	s, c := simulate(t, tenant, func(*Options) {})
	var got []string
	for _, report := range usageReports {
		u, err := c.usage(t.Context(), report)
		if err != nil {
			t.Fatal(err)
		}
		if want := "2026-01-09"; u.Until.Format(time.DateOnly) != want || u.Concealed {
			t.Errorf("%s: refreshed %v, concealed %v", report.sources, u.Until, u.Concealed)
		}
		for _, line := range usageText(u, tenant) {
			if strings.Contains(line, "=") {
				got = append(got, line)
			}
		}
		if len(u.Rows) != 3 {
			t.Errorf("%s tells of %d users", report.sources, len(u.Rows))
		}
	}
	want := []string{"active-users teams=2026-01-05", "visio-activations visio-activation=2026-01-05"}
	if len(got) != len(want) {
		t.Fatalf("told %q", got)
	}
	for i := range want {
		if !strings.HasSuffix(got[i], want[i]) {
			t.Errorf("told %q, want %q", got[i], want[i])
		}
	}
	if s.Leaked() {
		t.Error("the token went to another host")
	}
}

// Since when a user is licensed for a workload is read where the user is, and
// where the report has the columns.
func TestUsage_Licenses(t *testing.T) {
	const head = "Report Refresh Date,User Principal Name,Display Name,Exchange Last Activity Date,OneDrive Last Activity Date," +
		"SharePoint Last Activity Date,Skype For Business Last Activity Date,Yammer Last Activity Date,Teams Last Activity Date"
	for _, test := range []struct{ name, file, want string }{
		{"without the columns", head + "\n2026-01-05,ann@x,Ann,,,,,,\n", ""},
		{"licensed", head + ",Has Teams License,Teams License Assign Date\n2026-01-05,ann@x, Ann ,,,,,,,True,2019-08-12\n", "Ann Teams 2019-08-12T23:59:59Z"},
		{"not licensed any more", head + ",Has Teams License,Teams License Assign Date\n2026-01-05,ann@x,Ann,,,,,,,False,2019-08-12\n", ""},
		{"no date", head + ",Has Teams License,Teams License Assign Date\n2026-01-05,ann@x,Ann,,,,,,,True,soon\n",
			`error: column "Teams License Assign Date" has "soon", which is no date`},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := usageReports[0].parse(strings.NewReader(test.file), false)
			var got string
			for _, r := range u.Rows {
				for _, l := range r.Licensed {
					got += fmt.Sprintf("%s %s %s", r.Name, l.Workload, l.LicensedBy().Format(time.RFC3339))
				}
			}
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestUsage_Concealed(t *testing.T) {
	tenant, _, _, _ := people(t)
	tenant.Concealed = true
	_, c := simulate(t, tenant, func(*Options) {})
	u, err := c.Usage(t.Context(), snapshot.ActiveUsers)
	if err != nil || !u.Concealed || len(u.Rows) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestUsage_NoPermission(t *testing.T) {
	tenant, _, _, _ := people(t)
	_, c := simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("User.Read.All"))
	_, err := c.Usage(t.Context(), snapshot.ActiveUsers)
	e := (*Error)(nil)
	if !errors.As(err, &e) || !errors.Is(err, ErrAuth) || !strings.Contains(e.Hint, "Reports.Read.All") {
		t.Errorf("%v", err)
	}
}

// A file that is gone is asked for again from the beginning, once where its host
// refuses it: patience, which is for outages, is not spent on that. Where a redirect
// leads off https, nothing is fetched.
func TestUsage_Redirects(t *testing.T) {
	const file = "Report Refresh Date,User Principal Name,Last Activity Date\n2026-01-05,ann@contoso.com,2026-01-01\n"
	for _, test := range []struct {
		name, location string
		requests       int
		good           bool
	}{
		{"gone once", "/file", 4, true},
		{"refused for good", "/refused", 4, false},
		{"plain", "http://files.example.com/file", 1, false},
		{"nowhere", "", 1, false},
		{"another scheme", "ftp://127.0.0.1/file", 1, false},
		{"credentials", "http://a:b@127.0.0.1/file", 1, false},
		{"nobody listens", "http://127.0.0.1:1/file?sig=topsecret", -1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files int
			s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/file" && r.Header.Get("Authorization") != "":
					t.Error("the file was asked for with a token")
				case r.URL.Path == "/refused":
					w.WriteHeader(http.StatusUnauthorized)
				case r.URL.Path == "/file":
					if files++; files == 1 {
						w.WriteHeader(http.StatusForbidden)
						return
					}
					fmt.Fprint(w, file)
				default:
					location := test.location
					if strings.HasPrefix(location, "/") {
						location = "http://" + r.Host + location
					}
					w.Header().Set("Location", location)
					w.WriteHeader(http.StatusFound)
				}
			})
			clock := newClock()
			c, err := New(Options{Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"secret"}}, Now: clock.now, Sleep: clock.sleep})
			if err != nil {
				t.Fatal(err)
			}
			u, err := c.Usage(context.Background(), snapshot.AppsUsage)
			if good := err == nil && len(u.Rows) == 1; good != test.good {
				t.Errorf("%+v, %v", u, err)
			}
			if err != nil && !errors.Is(err, ErrUnavailable) {
				t.Errorf("the kind of %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "topsecret") {
				t.Errorf("the address shows in %v", err)
			}
			if test.requests > 0 && len(s.requests) != test.requests {
				t.Errorf("%d requests, want %d", len(s.requests), test.requests)
			}
		})
	}
}

// Columns are found by their names, in any order, behind a byte order mark.
// What is missing or no date is an error, never a user without activity.
func TestUsage_Parse(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"as documented", "\ufeffReport Refresh Date,User Principal Name,Last Activity Date\r\n2026-01-05,ann@x,2026-01-01\r\n", "ann apps=2026-01-01"},
		{"other order, more columns", "Last Activity Date,New,User Principal Name,Report Refresh Date\n,\"a,b\",ann@x,2026-01-05\n", "ann"},
		{"deleted", "Is Deleted,Report Refresh Date,User Principal Name,Last Activity Date\nTrue,2026-01-05,ann@x,2026-01-01\n", ""},
		{"a column is missing", "Report Refresh Date,User Principal Name\n2026-01-05,ann@x\n", `error: the report has no column "Last Activity Date"`},
		{"no date", "Report Refresh Date,User Principal Name,Last Activity Date\n2026-01-05,ann@x,yesterday\n", `error: column "Last Activity Date" has "yesterday", which is no date`},
		{"cut off", "Report Refresh Date,User Principal Name,Last Activity Date\n2026-01-05,ann@x\n", "error: record on line 2: wrong number of fields"},
		{"empty", "", "error: the report is empty"},
		{"no rows", "Report Refresh Date,User Principal Name,Last Activity Date\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := usageReports[1].parse(strings.NewReader(test.file), false)
			var got string
			for _, r := range u.Rows {
				got = strings.TrimSuffix(r.UPN, "@x")
				for _, use := range r.Uses {
					got += fmt.Sprintf(" %s=%s", use.Kind, use.At.Format(time.DateOnly))
				}
			}
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// FuzzUsage: whatever a file has, it is read or refused, and nobody is told of
// without a name.
func FuzzUsage(f *testing.F) {
	f.Add("\ufeffReport Refresh Date,User Principal Name,Last Activity Date\r\n2026-01-05,ann@x,2026-01-01\r\n")
	f.Add("Report Refresh Date,User Principal Name,Product Type,Last Activated Date\n2026-01-05,ann@x,VISIO CLIENT,\n")
	f.Add("Report Refresh Date,User Principal Name,Last Activity Date\n2026-01-05,0123456789ABCDEF0123456789ABCDEF,\"\n")
	f.Fuzz(func(t *testing.T, file string) {
		for _, report := range usageReports {
			u, err := report.parse(strings.NewReader(file), false)
			if err != nil && len(u.Rows) > 0 {
				t.Fatal("rows beside an error")
			}
			for _, r := range u.Rows {
				if r.UPN == "" || !slices.Contains(report.sources, r.Source) {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
