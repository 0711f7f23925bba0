package cli

import (
	"fmt"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

func TestGapSentences(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	const (
		bought = "what is bought and when it lapses"
		audit  = "who did what, and what was done and undone between two runs"
	)
	tests := []struct {
		gaps []snapshot.Gap
		want []string
	}{
		{nil, nil},
		{
			[]snapshot.Gap{{What: snapshot.ReadSubscriptions, Why: snapshot.GapNotPermitted}},
			[]string{"Not known: " + bought + ". It may not be read; what would show it: the application permission Organization.Read.All."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadSubscriptions, Why: snapshot.GapFailed, Run: 7, Since: day(2)}},
			[]string{"Not known since 2 March 2026: " + bought + ". It could not be read: lictrail runs show 7."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadAuditLog, Why: snapshot.GapNotInCloud, Since: day(2), Until: day(9), Length: 50 * time.Hour}},
			[]string{"Not known for 2 days from 2 March 2026 to 9 March 2026: " + audit + ". The tenant's cloud does not offer it."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadAuditLog, Why: snapshot.GapFailed, Run: 3, Since: day(2), Until: day(2).Add(time.Hour), Length: time.Hour}},
			[]string{"Not known for 1 hour on 2 March 2026: " + audit + ". It could not be read: lictrail runs show 3."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadAuditLog, Why: snapshot.GapNotAsked, Until: day(9), Length: 3 * time.Minute}},
			[]string{"Not known for 3 minutes before 9 March 2026: " + audit + ". No run read it: lictrail sync --audit-source graph."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadAuditLog, Why: snapshot.GapFailed, Run: 3, Since: day(2), Length: 26 * time.Hour}},
			[]string{"Not known for 1 day since 2 March 2026: " + audit + ". It could not be read: lictrail runs show 3."},
		},
		{
			[]snapshot.Gap{{What: snapshot.ReadAuditLog, Why: snapshot.GapNotAsked, Late: true}},
			[]string{"Not known: " + audit + ". No run read it before Microsoft forgot it: lictrail sync every week or more often."},
		},
		{
			[]snapshot.Gap{
				{What: snapshot.ReadActivity, Source: snapshot.SignIns, Why: snapshot.GapNotPermitted},
				{What: snapshot.ReadActivity, Source: snapshot.AppsUsage, Why: snapshot.GapNotPermitted},
				{What: snapshot.ReadActivity, Source: snapshot.CopilotUsage, Why: snapshot.GapNotPermitted},
			},
			[]string{
				"Not known: when users were last active (sign-ins). It may not be read; what would show it: the application permission AuditLog.Read.All and User.Read.All, and Entra ID P1 or P2 in the tenant.",
				"Not known: when users were last active (apps, copilot). It may not be read; what would show it: the application permission Reports.Read.All.",
			},
		},
	}
	for _, test := range tests {
		if got := show.GapSentences(test.gaps); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
