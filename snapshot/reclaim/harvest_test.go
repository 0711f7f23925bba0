package reclaim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// harvestInput is a tenant with seats of COPILOT, each "NAME ASSIGNED [last=DAY]
// [active=N] [type=T] [agent] [unread]", read on 30 June up to 28 June.
func harvestInput(lines string) Input {
	in := Input{AsOf: on("2026-06-30").Add(12 * time.Hour), SKUs: map[snapshot.SKUID]SKU{"COPILOT": {Name: "COPILOT", Plans: map[snapshot.PlanID]string{"p": "M365_COPILOT_APPS"}}},
		Reads: map[snapshot.ActivitySource]snapshot.ActivityRead{snapshot.CopilotUsage: {Source: snapshot.CopilotUsage, Since: on("2025-12-30"), Until: on("2026-06-28")}}}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		o, words := options(strings.Fields(line))
		h := Holder{User: snapshot.User{ID: snapshot.UserID(words[0]), Attributes: snapshot.Attributes{UPN: words[0], EmployeeType: o["type"]}},
			Activity: snapshot.UserActivity{Covered: []snapshot.ActivitySource{snapshot.CopilotUsage}}}
		for _, w := range words[2:] {
			switch w {
			case "agent":
				h.User.Type = snapshot.AgentType
			case "unread":
				h.Activity.Covered = nil
			}
		}
		if text, ok := o["last"]; ok {
			h.Activity.Last = []snapshot.Use{{Kind: snapshot.UsedCopilot, At: on(text)}}
		}
		if text, ok := o["active"]; ok {
			n := int64(atoi(text))
			h.Activity.Counts = &snapshot.CopilotCounts{Days: 180, ActiveDays: &n}
		}
		h.Seats = []Holding{{SKU: "COPILOT", Since: since(words[1]), Paths: []Path{{Path: snapshot.Path{PathKey: snapshot.PathKey{SKU: "COPILOT", PathRef: snapshot.PathRef{Kind: snapshot.Direct}}, Held: true}}}}}
		in.Holders = append(in.Holders, h)
	}
	return in
}

func harvestText(h *Harvest) string {
	var b strings.Builder
	for _, s := range h.Seats {
		fmt.Fprintf(&b, "%s: %s", s.User.UPN, s.Verdict)
		if s.To != nil {
			fmt.Fprintf(&b, " to %s", s.To.User.UPN)
		}
		b.WriteByte('\n')
	}
	for _, r := range h.Requests {
		switch {
		case r.Problem != "":
			fmt.Fprintf(&b, "%s: %s\n", r.Named, r.Problem)
		case r.Free:
			fmt.Fprintf(&b, "%s: a free seat\n", r.Named)
		case r.From != nil:
			fmt.Fprintf(&b, "%s: the seat of %s\n", r.Named, r.From.User.UPN)
		case r.Waits():
			fmt.Fprintf(&b, "%s: waits\n", r.Named)
		}
	}
	return b.String()
}

// TestHarvest_Seats: which seats are offered, with 30 days of grace and 45 of idleness.
func TestHarvest_Seats(t *testing.T) {
	rules := HarvestRules{Grace: 30, Idle: 45}
	for _, test := range []struct{ seat, want string }{
		{"ann 2026-06-01", "new"},             // 29 days
		{"ann 2026-05-31", "in-use"},          // 30 days, and the report shows 28 of them
		{"ann 2026-05-14", "offer"},           // 45 days up to the report
		{"ann 2026-05-15", "in-use"},          // 44
		{"ann 2026-05-10..2026-06-01", "new"}, // at its latest
		{"ann 2025-01-01 last=2026-05-14", "offer"},
		{"ann 2025-01-01 last=2026-05-15", "in-use"},
		{"ann 2025-01-01 last=2026-06-20", "in-use"},
		{"ann 2025-01-01", "offer"},
		{"ann 2025-01-01 active=3", "in-use"}, // counted, on days that are not known
		{"ann 2025-01-01 unread", "not-judged"},
		{"ann 2026-06-10 unread", "new"},
		{"ann 2025-01-01 agent", "agent"},
		{"ann 2025-01-01 type=Part-time", "offer"},
	} {
		h := HarvestOf(harvestInput(test.seat), "COPILOT", 0, rules, nil)
		if got := string(h.Seats[0].Verdict); got != test.want {
			t.Errorf("%s: %s, want %s: %s", test.seat, got, test.want, h.Seats[0].Reason)
		}
	}
}

// TestHarvest_Exclusions: an exclusion counts up to and with its last day, and only
// moves what would be offered.
func TestHarvest_Exclusions(t *testing.T) {
	day := func(text string) *snapshot.Day { d := snapshot.DayOf(on(text)); return &d }
	ann := []snapshot.UserID{"ann"}
	for _, test := range []struct {
		name, seat string
		rules      HarvestRules
		want       string
	}{
		{"on leave", "ann 2025-01-01", HarvestRules{Exclusions: []Exclusion{{Users: ann, Reason: "on leave"}}}, "excluded"},
		{"on the last day", "ann 2025-01-01", HarvestRules{Exclusions: []Exclusion{{Users: ann, Until: day("2026-06-30")}}}, "excluded"},
		{"the day after", "ann 2025-01-01", HarvestRules{Exclusions: []Exclusion{{Users: ann, Until: day("2026-06-29")}}}, "offer"},
		{"somebody else", "bob 2025-01-01", HarvestRules{Exclusions: []Exclusion{{Users: ann}}}, "offer"},
		{"part-time, in any case", "ann 2025-01-01 type=part-TIME", HarvestRules{Attributes: []AttributeRule{{"employee-type", "Part-time"}}}, "excluded"},
		{"full-time", "ann 2025-01-01 type=Full-time", HarvestRules{Attributes: []AttributeRule{{"employee-type", "Part-time"}}}, "offer"},
		{"in use all the same", "ann 2025-01-01 last=2026-06-27", HarvestRules{Exclusions: []Exclusion{{Users: ann}}}, "in-use"},
		{"used on few days", "ann 2025-01-01 last=2026-06-27 active=2", HarvestRules{ActiveDays: 3}, "offer"},
		{"used on as many days as it takes", "ann 2025-01-01 last=2026-06-27 active=3", HarvestRules{ActiveDays: 3}, "in-use"},
		{"few days, and not held for the whole period", "ann 2026-03-01 last=2026-06-27 active=2", HarvestRules{ActiveDays: 3}, "in-use"},
		{"how many days is not known", "ann 2025-01-01 last=2026-06-27", HarvestRules{ActiveDays: 3}, "in-use"},
	} {
		test.rules.Grace, test.rules.Idle = 30, 30
		h := HarvestOf(harvestInput(test.seat), "COPILOT", 0, test.rules, nil)
		if got := string(h.Seats[0].Verdict); got != test.want {
			t.Errorf("%s: %s, want %s: %s", test.name, got, test.want, h.Seats[0].Reason)
		}
	}
}

// TestHarvest_Requests: free seats go first, then the longest unused, to whoever waits
// by priority, day and line. Each seat goes once, and to nobody who has one.
func TestHarvest_Requests(t *testing.T) {
	in := harvestInput("lately 2025-01-01 last=2026-05-20\nlong 2025-01-01 last=2026-02-01\nnever 2025-01-01\nworks 2025-01-01 last=2026-06-27\nnew 2026-06-20")
	enabled, disabled := true, false
	ask := func(line int, name string, priority int, day string) *HarvestRequest {
		r := &HarvestRequest{Line: line, Named: name, Priority: priority, User: &snapshot.User{ID: snapshot.UserID(name), Attributes: snapshot.Attributes{UPN: name, Enabled: &enabled}}}
		if day != "" {
			r.Requested = snapshot.DayOf(on(day))
		}
		return r
	}
	gone := &HarvestRequest{Line: 9, Named: "gone", Problem: "nobody is called so"}
	off := ask(8, "off", 1, "")
	off.User.Enabled = &disabled
	h := HarvestOf(in, "COPILOT", 1, HarvestRules{Grace: 30, Idle: 30}, []*HarvestRequest{
		ask(2, "last", 0, ""), ask(3, "early", 0, "2026-01-01"), ask(4, "late", 0, "2026-02-01"), ask(5, "first", 1, "2026-06-01"),
		ask(6, "works", 1, ""), ask(7, "early", 1, ""), off, gone, ask(10, "more", 0, ""), ask(11, "most", 0, "")})
	want := `never: offer to early
long: offer to late
lately: offer to last
new: new
works: in-use
last: the seat of lately
early: the seat of never
late: the seat of long
first: a free seat
works: has a seat already
early: asked before, in line 3
off: the account is disabled
gone: nobody is called so
more: waits
most: waits
`
	if got := harvestText(h); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestParseList: files as people keep them, and what is wrong with a line.
func TestParseList(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"comma", "user,requested,priority,reason\nann@x,2026-03-01,2,project\n", "2 ann@x 2026-03-01 2 project"},
		{"semicolon, a mark, other names", "\ufeffE-Mail;Date;Prio\r\nann@x;2026-03-01;1\r\n", "2 ann@x 2026-03-01 1 "},
		{"tabs", "Object ID\tNote\nann\twaits, long\n", "2 ann - 0 waits, long"},
		{"lines before the header", "#TYPE System.Object\nsep=;\nupn;reason\nann@x;leave\n", "4 ann@x - 0 leave"},
		{"the telling column first", "Name,UserPrincipalName\nAnn,ann@x\n", "2 ann@x - 0 "},
		{"a time", "user,until\nann@x,2026-03-01T08:00:00Z\n", "2 ann@x 2026-03-01 0 "},
		{"nothing but a header", "user\n", ""},
		{"no column of users", "name,when\nann,2026-03-01\n", "error: line 1: no column names the users: call one of them user, upn, mail or id"},
		{"no user", "user,reason\nann@x,a\n,b\n", "error: line 3: no user is named"},
		{"no day", "user,until\nann@x,soon\n", `error: line 2: "soon" is not a day such as 2026-03-01`},
		{"no priority", "user,priority\nann@x,high\n", `error: line 2: priority "high" is not a number from 1 on`},
		{"a cell too many", "user,reason\nann@x,a,b\n", "error: record on line 2: wrong number of fields"},
		{"empty", "", "error: the file is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := ParseList([]byte(test.file))
			var lines []string
			for _, r := range list {
				d := "-"
				if r.Day != nil {
					d = day(r.Day.Time())
				}
				lines = append(lines, fmt.Sprintf("%d %s %s %d %s", r.Line, r.User, d, r.Priority, r.Reason))
			}
			got := strings.Join(lines, "; ")
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
