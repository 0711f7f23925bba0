package connect

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/snapshot"
)

// A national cloud has no audit search; an endpoint of one's own is asked.
func TestLacksSearch(t *testing.T) {
	for _, name := range []string{"global", "usgov", "dod", "china"} {
		cloud, err := (&Connection{Cloud: name}).Where(Host{Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		err = (&Connection{Cloud: name}).lacksSearch(cloud)
		if (err == nil) != (name == "global") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if asked := (&Connection{Cloud: name, Endpoint: "http://127.0.0.1:1"}).lacksSearch(cloud); asked != nil {
			t.Errorf("%s: %v", name, asked)
		}
		r := SearchReader{why: err}
		if err == nil {
			continue
		}
		if _, started := r.StartSearch(t.Context(), time.Time{}, time.Time{}, nil); !errors.Is(started, err) {
			t.Errorf("%s: %v", name, started)
		}
	}
}

// A national cloud has no usage reports; an endpoint of one's own is asked.
func TestLacksReports(t *testing.T) {
	for _, name := range []string{"global", "usgov", "dod", "china"} {
		c := &Connection{Cloud: name}
		cloud, err := c.Where(Host{Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		r, lacks := c.activityReader(cloud, nil).(withoutReports)
		if lacks == (name == "global") {
			t.Errorf("%s: %T", name, c.activityReader(cloud, nil))
		}
		if lacks {
			if _, err := r.Usage(t.Context(), snapshot.AppsUsage); err == nil || !strings.Contains(err.Error(), "the cloud "+name+" has no usage reports") {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.Endpoint = "http://127.0.0.1:1"
		if _, lacks := c.activityReader(cloud, nil).(withoutReports); lacks {
			t.Errorf("%s: an endpoint of one's own is not asked", name)
		}
	}
}

// The authority is that of the flag, of the cloud that is named, of the
// variable, in this order.
func TestAuthority(t *testing.T) {
	variable := "https://login.partner.example/"
	for _, tc := range []struct{ flag, cloud, variable, want string }{
		{"", "global", "", "https://login.microsoftonline.com/"},
		{"", "global", variable, variable},
		{"", "usgov", variable, "https://login.microsoftonline.us/"},
		{"https://login.flag.example", "china", variable, "https://login.flag.example"},
		{"http://login.flag.example", "global", "", ""},
		{"", "global", "login.partner.example", ""},
	} {
		c := &Connection{Cloud: tc.cloud, AuthorityHost: tc.flag}
		cloud, err := c.Where(Host{Getenv: func(string) string { return tc.variable }})
		if tc.want == "" {
			if !errors.Is(err, exit.ErrUsage) {
				t.Errorf("%+v: %v", tc, err)
			}
			continue
		}
		if err != nil || cloud.AuthorityHost != tc.want {
			t.Errorf("%+v: got %s, %v", tc, cloud.AuthorityHost, err)
		}
	}
}
