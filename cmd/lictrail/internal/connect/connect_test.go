package connect

import (
	"errors"
	"testing"

	"lictrail/cmd/lictrail/internal/exit"
)

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
