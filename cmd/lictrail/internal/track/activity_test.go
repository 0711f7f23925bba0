package track

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

var activityDay = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// fakeActivity returns the activity that a test gives it.
type fakeActivity struct {
	pages     [][]snapshot.ActivityRow // of sign-ins
	restartAt int                      // before this page the reading begins anew
	err       error
	usage     snapshot.Usage
	usageErr  error
	asked     []snapshot.ActivitySource
}

func (f *fakeActivity) SignIns(_ context.Context, page func([]snapshot.ActivityRow) error, restart func() error) (snapshot.ActivityRead, error) {
	for i, rows := range f.pages {
		if f.restartAt > 0 && i == f.restartAt {
			if err := restart(); err != nil {
				return snapshot.ActivityRead{}, err
			}
		}
		if err := page(rows); err != nil {
			return snapshot.ActivityRead{}, err
		}
	}
	return snapshot.ActivityRead{Source: snapshot.SignIns, Until: activityDay}, f.err
}

func (f *fakeActivity) Usage(_ context.Context, source snapshot.ActivitySource) (snapshot.Usage, error) {
	f.asked = append(f.asked, source)
	return f.usage, f.usageErr
}

// advised is an error with what can be done about it.
type advised struct {
	error
	advice string
}

func (e advised) Advice() string { return e.advice }
func (e advised) Unwrap() error  { return e.error }

func fetched(t *testing.T, f *fakeActivity, sources ...snapshot.ActivitySource) string {
	t.Helper()
	return activityText(t, &run{o: Options{Activity: sources, ActivityReader: f}})
}

func activityText(t *testing.T, r *run) string {
	t.Helper()
	a, err := r.fetchActivity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, read := range a.Reads {
		fmt.Fprintf(&b, "%s %q %d users\n", read.Source, read.Gap, read.Users)
	}
	for _, row := range a.Rows {
		fmt.Fprintf(&b, "%s%s %s %d\n", row.User, row.UPN, row.Source, len(row.Uses))
	}
	for _, w := range r.warnings {
		fmt.Fprintf(&b, "%s: %s\n", w.Code, w.Message)
	}
	return b.String()
}

func TestFetchActivity(t *testing.T) {
	used := []snapshot.Use{{Kind: snapshot.SignedIn, At: activityDay}}
	ann := snapshot.ActivityRow{User: "ann", Source: snapshot.SignIns, Uses: used}
	bob := snapshot.ActivityRow{User: "bob", Source: snapshot.SignIns}
	project := snapshot.ActivityRow{UPN: "ann", Source: snapshot.ProjectActivations}
	visio := snapshot.ActivityRow{UPN: "ann", Source: snapshot.VisioActivations}
	activations := snapshot.Usage{Sources: []snapshot.ActivitySource{snapshot.ProjectActivations, snapshot.VisioActivations}, Rows: []snapshot.ActivityRow{project, visio}}
	concealed := activations
	concealed.Concealed = true
	denied := advised{fmt.Errorf("%s: HTTP 403", snapshot.NotPermittedText), "grant it"}
	premium := advised{fmt.Errorf("%s: %w", snapshot.NotPermittedText, snapshot.ErrNoPremium), "buy it"}
	lacking := fmt.Errorf(snapshot.NotInCloudFormat+" reports", "china")
	for _, test := range []struct {
		name    string
		f       fakeActivity
		sources []snapshot.ActivitySource
		want    string
	}{
		{"read", fakeActivity{pages: [][]snapshot.ActivityRow{{ann}, {bob}}}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"\" 2 users\nann sign-ins 1\nbob sign-ins 0\n"},
		{"begun anew", fakeActivity{pages: [][]snapshot.ActivityRow{{ann}, {ann}, {bob}}, restartAt: 1}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"\" 2 users\nann sign-ins 1\nbob sign-ins 0\n"},
		{"nobody at all", fakeActivity{pages: [][]snapshot.ActivityRow{{bob}}}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"failed\" 0 users\nactivity: sign-ins could not be read: no user at all has a sign-in in what Graph shows, which is not believed\n"},
		{"cut off", fakeActivity{pages: [][]snapshot.ActivityRow{{ann}}, err: errors.New("cut off")}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"failed\" 0 users\nactivity: sign-ins could not be read: cut off\n"},
		{"not permitted", fakeActivity{err: denied}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"permission\" 0 users\nactivity: sign-ins could not be read: not signed in or not permitted: HTTP 403; grant it\n"},
		{"no premium", fakeActivity{err: premium}, []snapshot.ActivitySource{snapshot.SignIns},
			"sign-ins \"no-premium\" 0 users\nactivity: sign-ins could not be read: not signed in or not permitted: the tenant has no Entra ID P1 or P2; buy it\n"},
		{"not in this cloud", fakeActivity{usageErr: lacking}, []snapshot.ActivitySource{snapshot.AppsUsage},
			"apps \"not-in-this-cloud\" 0 users\nactivity: apps could not be read: the cloud china has no reports\n"},
		{"one report for two sources", fakeActivity{usage: activations}, []snapshot.ActivitySource{snapshot.ProjectActivations, snapshot.VisioActivations},
			"project-activations \"\" 1 users\nvisio-activations \"\" 1 users\nann project-activations 0\nann visio-activations 0\n"},
		{"only one of them asked for", fakeActivity{usage: activations}, []snapshot.ActivitySource{snapshot.VisioActivations},
			"visio-activations \"\" 1 users\nann visio-activations 0\n"},
		{"concealed", fakeActivity{usage: concealed}, []snapshot.ActivitySource{snapshot.VisioActivations},
			"visio-activations \"concealed\" 0 users\nactivity: the usage report on visio-activations conceals names, so that it shows the activity of no user; an administrator can show them: Settings, Org settings, Reports\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, fetched(t, &test.f, test.sources...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(test.f.asked) > 1 {
				t.Errorf("asked for %v", test.f.asked)
			}
		})
	}
}

// A report of a day to come would show that nobody used anything until then, and use
// on a day to come would keep a seat in use: neither is believed.
func TestFetchActivity_ToCome(t *testing.T) {
	row := func(upn string, at time.Time) snapshot.ActivityRow {
		return snapshot.ActivityRow{UPN: upn, Source: snapshot.CopilotUsage, Uses: []snapshot.Use{{Kind: snapshot.UsedCopilot, At: at}}}
	}
	for _, test := range []struct {
		name  string
		until time.Duration // the end of the report, from the time of the run
		use   time.Duration // of ann, from the end of the report
		want  string
	}{
		{"as usual", -72 * time.Hour, 0, "copilot \"\" 2 users\nann copilot 1\nbob copilot 1\n"},
		{"of today, somewhere on earth", 24 * time.Hour, 0, "copilot \"\" 2 users\nann copilot 1\nbob copilot 1\n"},
		{"of a day to come", 24*time.Hour + time.Minute, 0, "copilot \"failed\" 0 users\nactivity: copilot could not be read: the usage report says that it is of a day to come, which is not believed\n"},
		{"used the day after", -72 * time.Hour, 24 * time.Hour, "copilot \"\" 2 users\nann copilot 1\nbob copilot 1\n"},
		{"used on a day to come", -72 * time.Hour, 25 * time.Hour, "copilot \"\" 1 users\nbob copilot 1\nactivity: the usage report on copilot shows use after its own end; users whose row is left out: 1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			until := activityDay.Add(test.until)
			f := &fakeActivity{usage: snapshot.Usage{Sources: []snapshot.ActivitySource{snapshot.CopilotUsage}, Until: until, Rows: []snapshot.ActivityRow{row("ann", until.Add(test.use)), row("bob", until)}}}
			r := &run{o: Options{Activity: []snapshot.ActivitySource{snapshot.CopilotUsage}, ActivityReader: f}}
			r.passed.ObservedUntil = activityDay
			if diff := cmp.Diff(test.want, activityText(t, r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A run that is interrupted says so, and takes nothing for a missing permission.
func TestFetchActivity_Interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &run{o: Options{Activity: []snapshot.ActivitySource{snapshot.SignIns}, ActivityReader: &fakeActivity{err: context.Canceled}}}
	if _, err := r.fetchActivity(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestParseActivity(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "[]"}, {"copilot, sign-ins,copilot", "[copilot sign-ins]"},
		{"sign-ins,all", "[sign-ins active-users apps project-activations visio-activations copilot]"},
		{"signins", `unknown source of activity "signins"`}, {",", `unknown source of activity ""`},
	} {
		sources, err := ParseActivity(test.text)
		got := fmt.Sprint(sources)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.text, got, test.want)
		}
	}
}
