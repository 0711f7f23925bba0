package graphtest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// CopilotWorld is which addresses and versions of the Copilot usage report a
// tenant's Graph offers.
type CopilotWorld string

const (
	// CopilotMoved: the report is below /copilot, in both versions, and the old
	// address is unknown.
	CopilotMoved CopilotWorld = ""
	// CopilotFirst: the report is below /copilot without version 2.
	CopilotFirst CopilotWorld = "v1"
	// CopilotOld: only the old address has it.
	CopilotOld CopilotWorld = "old"
	// CopilotNowhere: no address has it.
	CopilotNowhere CopilotWorld = "nowhere"
	// CopilotUncounted: version 2 comes without the columns of counts.
	CopilotUncounted CopilotWorld = "uncounted"
)

// The Copilot usage report, at its two addresses.
const (
	EndpointCopilot    Endpoint = "copilot/reports/getMicrosoft365CopilotUsageUserDetail"
	EndpointCopilotOld Endpoint = "reports/getMicrosoft365CopilotUsageUserDetail"
)

// The apps that the Copilot report has columns for; "" is use that no column of
// an app shows.
const (
	CopilotChatWork = "Copilot Chat (work)"
	CopilotChatWeb  = "Copilot Chat (web)"
	CopilotTeams    = "Microsoft Teams Copilot"
	CopilotWord     = "Word Copilot"
	CopilotApp      = "Microsoft 365 Copilot"
	CopilotEdge     = "Edge"
	CopilotAgent    = "Copilot Agent"
)

var (
	copilotOffice = []string{CopilotTeams, CopilotWord, "Excel Copilot", "PowerPoint Copilot", "Outlook Copilot", "OneNote Copilot", "Loop Copilot"}
	copilotNew    = []string{CopilotChatWork, CopilotChatWeb, CopilotApp, CopilotEdge, CopilotAgent}
)

// prompts is what a user asked Copilot in an app at a time.
type prompts struct {
	at  time.Time
	app string
	n   int
}

// Prompt lets a user ask Copilot in an app so many times.
func (t *Tenant) Prompt(user, app string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.use(user, Copilot)
	u := t.users[user]
	u.prompts = append(slices.Clip(u.prompts), prompts{t.now, app, n})
}

var copilotPath = regexp.MustCompile(`^(copilot/reports/\w+)\(period='(\w+)'(?:,version='(\w+)')?\)$`)

// copilotName takes the period and the version off the path of the report below
// /copilot, as the page of copilotReportRoot has them.
func copilotName(c *call, path string) (Endpoint, *apiError) {
	world := c.s.t.copilotWorld()
	m := copilotPath.FindStringSubmatch(path)
	switch {
	case m == nil || Endpoint(m[1]) != EndpointCopilot || world == CopilotOld || world == CopilotNowhere:
		return "", fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", c.path[0])
	case m[3] != "" && (m[3] != "v2" || world == CopilotFirst):
		return "", fail(http.StatusBadRequest, "InvalidArgument", "Invalid version value specified: %s.", m[3])
	}
	periods := []string{"D7", "D30", "D90", "D180", "ALL"}
	if m[3] != "" {
		periods = []string{"D7", "D28", "D90", "D180", "ALL"}
	}
	if !slices.Contains(periods, m[2]) {
		return "", fail(http.StatusBadRequest, "InvalidArgument", "Invalid period value specified: %s.", m[2])
	}
	c.copilot = copilotQuestion{days: map[string]int{"D7": 7, "D28": 28, "D30": 30, "D90": 90, "D180": 180}[m[2]],
		second: m[3] != "", counted: m[2] != "ALL" && world != CopilotUncounted}
	return EndpointCopilot, nil
}

// copilotQuestion is what a request for the report asks for.
type copilotQuestion struct {
	days            int
	second, counted bool
}

func (t *Tenant) copilotWorld() CopilotWorld {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.Copilot
}

// copilotStream answers at the new address, with the file itself.
func copilotStream(c *call) (*answer, *apiError) {
	file, err := fileOf(c.s.t, func(t *Tenant) [][]string {
		if c.copilot.second {
			return copilotUsersV2(t, c.copilot)
		}
		return copilotUsers(t)
	})
	return &answer{status: http.StatusOK, contentType: "application/octet-stream", body: file}, err
}

// copilotOld answers at the old address, which gives JSON unless CSV is asked for.
func copilotOld(c *call) (*answer, *apiError) {
	switch world := c.s.t.copilotWorld(); {
	case world != CopilotOld:
		return nil, fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment 'getMicrosoft365CopilotUsageUserDetail'.")
	case c.Query.Get("$format") == "text/csv":
		return report(copilotUsers)(c)
	}
	return &answer{status: http.StatusOK, contentType: jsonType, body: []byte(`{"value":[]}`)}, nil
}

// copilotUsers is version 1 of the report.
func copilotUsers(t *Tenant) [][]string {
	header := []string{"Report Refresh Date", "User Principal Name", "Display Name", "Last Activity Date", "Copilot Chat Last Activity Date"}
	for _, app := range copilotOffice {
		header = append(header, app+" Last Activity Date")
	}
	rows := [][]string{append(header, "Report Period")}
	for _, u := range t.listed() {
		upn, name := t.called(u)
		if !u.Holds(SKUCopilot) {
			continue
		}
		row := []string{t.refreshed().Format(time.DateOnly), upn, name, t.shown(u, Copilot), t.prompted(u, CopilotChatWork, CopilotChatWeb)}
		for _, app := range copilotOffice {
			row = append(row, t.prompted(u, app))
		}
		rows = append(rows, append(row, "180"))
	}
	return rows
}

// copilotUsersV2 is version 2, with counts and more apps.
func copilotUsersV2(t *Tenant, q copilotQuestion) [][]string {
	header := []string{"Report Refresh Date", "User Principal Name", "Display Name", "Last Activity Date"}
	for _, app := range copilotOffice {
		header = append(header, app+" Last Activity Date")
	}
	header = append(header, "Report Period")
	if q.counted {
		header = append(header, "Prompts submitted for all apps", "Prompts submitted for Copilot Chat (work)",
			"Prompts submitted for Copilot Chat (web)", "Active Usage Days for all apps")
	}
	for _, app := range copilotNew {
		header = append(header, app+" Last Activity Date")
	}
	rows := [][]string{header}
	for _, u := range t.listed() {
		upn, name := t.called(u)
		if !u.Holds(SKUCopilot) {
			continue
		}
		row := []string{t.refreshed().Format(time.DateOnly), upn, name, t.shown(u, Copilot)}
		for _, app := range copilotOffice {
			row = append(row, t.prompted(u, app))
		}
		row = append(row, strconv.Itoa(q.days))
		if q.counted {
			row = append(row, t.promptsIn(u, q.days)...)
		}
		for _, app := range copilotNew {
			row = append(row, t.prompted(u, app))
		}
		rows = append(rows, row)
	}
	return rows
}

// prompted is the day on which any of the apps was last used, as shown.
func (t *Tenant) prompted(u *User, apps ...string) string {
	var last time.Time
	for _, p := range u.prompts {
		if slices.Contains(apps, p.app) && p.at.After(last) && p.at.Before(t.refreshed().AddDate(0, 0, 1)) {
			last = p.at
		}
	}
	if last.IsZero() {
		return ""
	}
	return last.UTC().Format(time.DateOnly)
}

// promptsIn counts prompts, in all and in Chat, and the days with any.
func (t *Tenant) promptsIn(u *User, days int) []string {
	end := t.refreshed().AddDate(0, 0, 1)
	start := end.AddDate(0, 0, -days)
	var all, work, web int
	active := map[string]bool{}
	for _, p := range u.prompts {
		if p.at.Before(start) || !p.at.Before(end) {
			continue
		}
		all += p.n
		active[p.at.UTC().Format(time.DateOnly)] = true
		switch p.app {
		case CopilotChatWork:
			work += p.n
		case CopilotChatWeb:
			web += p.n
		}
	}
	cells := make([]string, 0, 4)
	for _, n := range []int{all, work, web, len(active)} {
		cells = append(cells, fmt.Sprint(n))
	}
	return cells
}
