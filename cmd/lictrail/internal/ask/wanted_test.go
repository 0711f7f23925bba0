package ask

import (
	"testing"
	"time"

	"lictrail/snapshot"
)

// Who fits, who does not, and of whom that is not known.
func TestFitsUser(t *testing.T) {
	t.Parallel()
	on, off := true, false
	use := func(k snapshot.ActivityKind) snapshot.Use { return snapshot.Use{Kind: k, At: time.Unix(1, 0)} }
	told := []snapshot.ActivitySource{snapshot.SignIns}
	for _, test := range []struct {
		name string
		w    Wanted
		u    snapshot.Attributes
		a    snapshot.UserActivity
		want Verdict
	}{
		{"nothing asked", Wanted{}, snapshot.Attributes{}, snapshot.UserActivity{}, Fits},
		{"a guest", Wanted{UserTypes: []string{"guest"}}, snapshot.Attributes{Type: "Guest"}, snapshot.UserActivity{}, Fits},
		{"a member is no guest", Wanted{UserTypes: []string{"guest"}}, snapshot.Attributes{Type: "Member"}, snapshot.UserActivity{}, FitsNot},
		{"an old account is a member's", Wanted{UserTypes: []string{"member"}}, snapshot.Attributes{}, snapshot.UserActivity{}, Fits},
		{"either", Wanted{UserTypes: []string{"member", "guest"}}, snapshot.Attributes{Type: "Guest"}, snapshot.UserActivity{}, Fits},
		{"disabled", Wanted{Disabled: true}, snapshot.Attributes{Enabled: &off}, snapshot.UserActivity{}, Fits},
		{"enabled", Wanted{Disabled: true}, snapshot.Attributes{Enabled: &on}, snapshot.UserActivity{}, FitsNot},
		{"neither was given", Wanted{Disabled: true}, snapshot.Attributes{}, snapshot.UserActivity{}, FitUnknown},
		{"never signed in", Wanted{NeverSignedIn: true}, snapshot.Attributes{}, snapshot.UserActivity{Covered: told}, Fits},
		{"signed in", Wanted{NeverSignedIn: true}, snapshot.Attributes{}, snapshot.UserActivity{Covered: told, Last: []snapshot.Use{use(snapshot.SignedIn)}}, FitsNot},
		{"only tried", Wanted{NeverSignedIn: true}, snapshot.Attributes{}, snapshot.UserActivity{Covered: told, Last: []snapshot.Use{use(snapshot.TriedInteractive)}}, FitUnknown},
		{"used a service", Wanted{NeverSignedIn: true}, snapshot.Attributes{}, snapshot.UserActivity{Last: []snapshot.Use{use(snapshot.UsedTeams)}}, FitsNot},
		{"nothing tells", Wanted{NeverSignedIn: true}, snapshot.Attributes{}, snapshot.UserActivity{}, FitUnknown},
		{"unknown, and no guest", Wanted{NeverSignedIn: true, UserTypes: []string{"guest"}}, snapshot.Attributes{}, snapshot.UserActivity{}, FitsNot},
	} {
		u := snapshot.User{Attributes: test.u}
		if got := test.w.fitsUser(&u, test.a); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
