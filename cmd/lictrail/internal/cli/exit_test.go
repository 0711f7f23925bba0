package cli

import (
	"errors"
	"fmt"
	"testing"

	"lictrail/snapshot/store"
)

// Errors that were joined are one line to a person.
func TestExplain_OneLine(t *testing.T) {
	for _, err := range []error{
		errors.Join(errors.New("read it"), errors.New("record it")),
		fmt.Errorf("%w: %w", store.ErrNoRoom, errors.Join(errors.New("read it"), errors.New("record it"))),
	} {
		want := "read it; record it"
		if errors.Is(err, store.ErrNoRoom) {
			want = store.ErrNoRoom.Error() + ": " + want
		}
		if got := explain(err).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
