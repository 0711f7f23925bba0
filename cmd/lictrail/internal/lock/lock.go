// Package lock keeps two runs off one history, and reports to the second who the
// first is. The operating system lets go of a lock when its process ends, however
// it ends, so that no lock is ever stale.
package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lictrail/cmd/lictrail/internal/input"
)

// ErrHeld means that another process holds the lock.
var ErrHeld = errors.New("another run is at work")

// ErrPlace means that the file of a lock cannot be used: it is somebody else's, or
// no file.
var ErrPlace = errors.New("no lock can be had")

// errNone: this file system has no locks.
var errNone = errors.New("no locks here")

// Holder is who holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	How   string    `json:"how"` // it was started, such as "by systemd"
	RunID string    `json:"run_id"`
}

func (h Holder) String() string {
	return fmt.Sprintf("process %d on %s, started %s at %s", h.PID, h.Host, h.How, h.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// Suffix is what the name of a lock has more than that of what it locks.
const Suffix = ".lock"

// Take locks what path names, by a file beside it, for as long as the process
// lives or until release. An error that is [ErrHeld] says who holds it. On a file
// system without locks it lets everybody pass: the database has its own.
func Take(path string, h Holder) (release func(), err error) {
	name := path + Suffix
	f, err := acquire(name)
	switch {
	case errors.Is(err, errNone):
		return func() {}, nil
	case errors.Is(err, ErrHeld):
		return nil, held(path, name)
	case err != nil:
		return nil, fmt.Errorf("%w on %q: %w", ErrPlace, path, err)
	}
	text, err := json.Marshal(h)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	if err != nil {
		letGo(f)
		return nil, fmt.Errorf("%w on %q: %w", ErrPlace, path, err)
	}
	return func() { letGo(f) }, nil
}

// held returns the error that a lock is taken. It names the process that the lock's
// file names; the file may be empty, or not readable.
func held(path, name string) error {
	f, err := input.Open(name, input.Plain)
	if err == nil {
		defer f.Close()
		var h Holder
		if text, err := io.ReadAll(io.LimitReader(f, 4096)); err == nil && json.Unmarshal(text, &h) == nil && h.PID > 0 {
			return fmt.Errorf("%w on %q: %s", ErrHeld, path, h)
		}
	}
	return fmt.Errorf("%w on %q", ErrHeld, path)
}
