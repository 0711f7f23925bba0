// Package announce passes on what a run found: as the page and the digest, as the
// head of the chain, as messages to people and programs, and as metrics. None of
// these can undo the run or make it fail: the run is history when they begin.
package announce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot/store"
)

// Host is the execution of sync.
type Host struct {
	*out.Streams
	Database string // its file
	Now      func() time.Time
	Version  string // of this program

	PartNumbers bool // text calls SKUs by part numbers
}

// Recorded is a run that has become history.
type Recorded struct {
	*track.Summary
	DB    *store.DB
	Rules ask.Rules
}

// notWritten says of a failure to write one of a run's files that history has the
// run all the same.
func notWritten(run *track.Summary, what string, err error, hint string) error {
	if err == nil {
		return nil
	}
	shown := exit.Explained(err)
	return &out.Error{Code: exit.Failed, Message: fmt.Sprintf("run %d is recorded, its %s is not written: %s", run.Run, what, shown.Error()),
		Hint: cmp.Or(shown.Hint, hint), Err: errors.Join(exit.ErrRecorded, err)}
}

// read opens the history with the run in it.
func (r Recorded) read(ctx context.Context, h Host, do func(*ask.Book) error) error {
	book, err := ask.Of(ctx, r.DB)
	if err != nil {
		return err
	}
	defer book.Close()
	book.PartNumbers = h.PartNumbers
	return do(book)
}
