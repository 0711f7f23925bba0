package cli

import (
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/store"
)

func TestSharedText(t *testing.T) {
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		done store.Activity
		want string
	}{
		{store.Activity{Users: 106, Clients: 4, Since: since},
			"Changes of licenses of 106 users, through 4 different applications, are attributed to this account, the first by 1 March 2026. Whether one person alone uses it is not known."},
		{store.Activity{Users: 1, Clients: 3, Since: since},
			"Changes of licenses of 1 user, through 3 different applications, are attributed to this account, the first by 1 March 2026. Whether one person alone uses it is not known."},
	} {
		if got := show.SharedText(test.done); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
