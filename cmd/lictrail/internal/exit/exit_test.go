package exit

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// A full disk is a failure, whichever file it was that no longer fitted.
func TestExplain_NoRoom(t *testing.T) {
	for _, cause := range []error{engine.ErrNoRoom, syscall.ENOSPC, syscall.EDQUOT} {
		var e *out.Error
		if !errors.As(Explain(fmt.Errorf("%w on %q: %w", lock.ErrPlace, "t.db", cause)), &e) || e.Code != Failed || e.Hint != roomHint {
			t.Errorf("%v: %+v", cause, e)
		}
	}
}

// Errors that were joined are one line to a person.
func TestExplain_OneLine(t *testing.T) {
	for _, err := range []error{
		errors.Join(errors.New("read it"), errors.New("record it")),
		fmt.Errorf("%w: %w", engine.ErrNoRoom, errors.Join(errors.New("read it"), errors.New("record it"))),
	} {
		want := "read it; record it"
		if errors.Is(err, engine.ErrNoRoom) {
			want = engine.ErrNoRoom.Error() + ": " + want
		}
		if got := Explain(err).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What an erasing has left behind is erased by doing it again, whatever was in
// the way: the hint says by which words.
func TestExplain_Residue(t *testing.T) {
	for _, test := range []struct {
		name  string
		cause error
		code  int
		hint  string
	}{
		{"forgotten-280", engine.ErrBusy, Busy, "close what has the database open, then run: lictrail forget forgotten-280"},
		{"forgotten-280", engine.ErrNoRoom, Failed, roomHint + ", then run: lictrail forget forgotten-280"},
		{"forgotten-280", errors.New("disk I/O error"), Failed, "run: lictrail forget forgotten-280"},
		{"forgotten-280", context.Canceled, Interrupted, "run: lictrail forget forgotten-280"},
		{"", engine.ErrBusy, Busy, "close what has the database open, then run the same prune again"},
	} {
		var e *out.Error
		if err := Explain(&ledger.ResidueError{Kind: "forget", Name: test.name, Err: test.cause}); !errors.As(err, &e) || e.Code != test.code || e.Hint != test.hint {
			t.Errorf("%v: %+v", test.cause, e)
		}
	}
}
