package graph

import (
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

var copilotReport = usageReports[len(usageReports)-1]

// copilotText is what the report says of a user, with "?" for a count that is not known.
func copilotText(u snapshot.Usage, name string) string {
	i := slices.IndexFunc(u.Rows, func(r snapshot.ActivityRow) bool { return strings.HasPrefix(r.UPN, name) })
	if i < 0 {
		return "not listed"
	}
	var words []string
	for _, use := range u.Rows[i].Uses {
		words = append(words, fmt.Sprintf("%s=%s", use.Kind, use.At.Format(time.DateOnly)))
	}
	if c := u.Rows[i].Counts; c != nil {
		for j, n := range []*int64{c.Prompts, c.PromptsWork, c.PromptsWeb, c.ActiveDays} {
			value := "?"
			if n != nil {
				value = fmt.Sprint(*n)
			}
			words = append(words, []string{"prompts", "work", "web", "days"}[j]+"="+value)
		}
		words = append(words, fmt.Sprintf("in %d", c.Days))
	}
	return strings.Join(words, " ")
}

// The report is asked for at its new address first, in its richer version, and at
// the old one only where Graph does not know the new one.
func TestUsage_CopilotWorlds(t *testing.T) {
	const dated = "copilot=2026-01-05 copilot-agent=2026-01-05 copilot-chat-work=2026-01-05 copilot-word=2026-01-05"
	v1 := "copilot=2026-01-05 copilot-chat=2026-01-05 copilot-word=2026-01-05"
	for _, test := range []struct {
		world            graphtest.CopilotWorld
		asked            int // requests to Graph
		works, quiet     string
		wantErr, wantOld bool
	}{
		{graphtest.CopilotMoved, 1, dated + " prompts=7 work=3 web=0 days=1 in 180", "prompts=0 work=0 web=0 days=0 in 180", false, false},
		{graphtest.CopilotUncounted, 1, dated, "", false, false},
		{graphtest.CopilotFirst, 2, v1, "", false, false},
		{graphtest.CopilotOld, 3, v1, "", false, true},
		{graphtest.CopilotNowhere, 3, "", "", true, true},
	} {
		t.Run(string(test.world), func(t *testing.T) {
			tenant := graphtest.New(1)
			works := tenant.AddUser(tenant.Admins[0], graphtest.UserSpec{Name: "Works", SKUs: []string{graphtest.SKUCopilot}})
			tenant.AddUser(tenant.Admins[0], graphtest.UserSpec{Name: "Quiet", SKUs: []string{graphtest.SKUCopilot}})
			tenant.AddUser(tenant.Admins[0], graphtest.UserSpec{Name: "Without", SKUs: []string{graphtest.SKUE3}})
			tenant.Copilot = test.world
			tenant.Prompt(works, graphtest.CopilotChatWork, 3)
			tenant.Prompt(works, graphtest.CopilotWord, 2)
			tenant.Prompt(works, graphtest.CopilotAgent, 2)
			tenant.Advance(5 * 24 * time.Hour)
			s, c := simulate(t, tenant, func(*Options) {})
			u, err := c.Usage(t.Context(), snapshot.CopilotUsage)
			if (err != nil) != test.wantErr {
				t.Fatalf("error %v", err)
			}
			if e := (*Error)(nil); test.wantErr && (!errors.As(err, &e) || !strings.Contains(e.Hint, "neither at its new address nor at its old one")) {
				t.Errorf("the hint of %v", err)
			}
			if got := len(s.Requests()); got != test.asked {
				t.Errorf("%d requests, want %d", got, test.asked)
			}
			old := slices.ContainsFunc(s.Requests(), func(r graphtest.Request) bool { return r.Endpoint == graphtest.EndpointCopilotOld })
			if old != test.wantOld {
				t.Errorf("the old address was asked: %v", old)
			}
			if test.wantErr {
				return
			}
			if got := copilotText(u, "works"); got != test.works {
				t.Errorf("works: %q, want %q", got, test.works)
			}
			if got := copilotText(u, "quiet"); got != test.quiet {
				t.Errorf("quiet: %q, want %q", got, test.quiet)
			}
			if got := copilotText(u, "without"); got != "not listed" {
				t.Errorf("somebody without Copilot: %q", got)
			}
		})
	}
}

// A refusal for want of a permission, a throttled or a broken Graph are no reason to
// ask elsewhere.
func TestUsage_CopilotRefused(t *testing.T) {
	tenant, _, _, _ := people(t)
	s, c := simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("User.Read.All"))
	_, err := c.Usage(t.Context(), snapshot.CopilotUsage)
	if e := (*Error)(nil); !errors.As(err, &e) || !errors.Is(err, ErrAuth) || !strings.Contains(e.Hint, "Reports.Read.All") {
		t.Errorf("%v", err)
	}
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestUsage_CopilotConcealed(t *testing.T) {
	tenant, _, _, _ := people(t)
	tenant.Concealed = true
	_, c := simulate(t, tenant, func(*Options) {})
	u, err := c.Usage(t.Context(), snapshot.CopilotUsage)
	if err != nil || !u.Concealed || len(u.Rows) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
}

// Columns go by the words of their names. One that is missing, and a cell that is
// empty, are not known, and not 0.
func TestUsage_CopilotColumns(t *testing.T) {
	const head = "Report Refresh Date,User Principal Name,Last Activity Date"
	for _, test := range []struct{ name, file, want string }{
		{"no counts", head + "\n2026-01-05,ann@x,2026-01-01\n", "copilot=2026-01-01"},
		{"never", head + ",Prompts submitted for all apps\n2026-01-05,ann@x,,0\n", "prompts=0 work=? web=? days=? in 180"},
		{"an empty cell", head + ",Prompts submitted for all apps,Active Usage Days for All Apps\n2026-01-05,ann@x,,,4\n", "prompts=? work=? web=? days=4 in 180"},
		{"another case, another order", "ACTIVE USAGE DAYS FOR ALL APPS,report refresh date,Report Period,user principal name,last activity date\n3,2026-01-05,28,ann@x,2026-01-01\n",
			"copilot=2026-01-01 prompts=? work=? web=? days=3 in 28"},
		{"the names of the admin center", head + ",Last activity date of Copilot Chat (work) (UTC),Last activity date of Teams Copilot (UTC),Last activity date of M365 Copilot app (UTC)\n" +
			"2026-01-05,ann@x,2026-01-03,2026-01-03,2026-01-02,2026-01-01\n", "copilot=2026-01-03 copilot-app=2026-01-01 copilot-chat-work=2026-01-03 copilot-teams=2026-01-02"},
		{"an app that is not known", head + ",Whiteboard Copilot Last Activity Date,Active Usage Days for Word\n2026-01-05,ann@x,2026-01-03,2026-01-03,9\n", "copilot=2026-01-03"},
		{"no count", head + ",Prompts submitted for all apps\n2026-01-05,ann@x,,many\n", `error: column "Prompts submitted for all apps" has "many", which is no count`},
		{"less than none", head + ",Prompts submitted for all apps\n2026-01-05,ann@x,,-1\n", `error: column "Prompts submitted for all apps" has "-1", which is no count`},
		{"no overall date", "Report Refresh Date,User Principal Name,Word Copilot Last Activity Date\n2026-01-05,ann@x,\n", `error: the report has no column "Last Activity Date"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := copilotReport.parse(strings.NewReader(test.file), false)
			got := copilotText(u, "ann")
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Version 2 with columns that cannot be read leads to version 1, and that no further.
func TestUsage_CopilotVersion(t *testing.T) {
	const good = "Report Refresh Date,User Principal Name,Last Activity Date\n2026-01-05,ann@x,2026-01-01\n"
	for _, test := range []struct{ name, second, first, want string }{
		{"version 2 without the date", "Report Refresh Date,User Principal Name\n2026-01-05,ann@x\n", good, "copilot=2026-01-01"},
		{"version 2 as JSON", `{"value":[]}`, good, "copilot=2026-01-01"},
		{"neither", `{"value":[]}`, `{"value":[]}`, "error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.Contains(r.URL.Path, "version='v2'"):
					fmt.Fprint(w, test.second)
				case strings.Contains(r.URL.Path, "/copilot/"):
					fmt.Fprint(w, test.first)
				default:
					t.Errorf("asked for %s", r.URL.Path)
				}
			})
			clock := newClock()
			c, err := New(Options{Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"secret"}}, Now: clock.now, Sleep: clock.sleep})
			if err != nil {
				t.Fatal(err)
			}
			u, err := c.Usage(t.Context(), snapshot.CopilotUsage)
			got := copilotText(u, "ann")
			if err != nil {
				got = "error"
			}
			if got != test.want {
				t.Errorf("%q, want %q: %v", got, test.want, err)
			}
		})
	}
}
