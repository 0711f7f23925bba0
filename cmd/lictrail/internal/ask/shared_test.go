package ask

import (
	"testing"

	"lictrail/snapshot/store"
)

func TestMayBeShared(t *testing.T) {
	for _, test := range []struct {
		done store.Activity
		want bool
	}{
		{store.Activity{Users: 106}, false}, // an administrator's work
		{store.Activity{Users: 106, Clients: 2}, false},
		{store.Activity{Users: 1, Clients: 3}, true},
	} {
		if got := mayBeShared(test.done); got != test.want {
			t.Errorf("%+v: %t, want %t", test.done, got, test.want)
		}
	}
}
