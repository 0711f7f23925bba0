package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// shelfTime is how long a database stays open that nobody asks. While it is open
// and nobody asks, no transaction is: whoever writes does not wait, and need not
// keep what a reader might still want.
const shelfTime = 5 * time.Second

// shelf keeps databases open between answers. One is opened anew, with all checks,
// as soon as its file is another or somebody has written to it.
type shelf struct {
	mu   sync.Mutex
	open map[string]*shelved // by file
}

type shelved struct {
	db      *store.DB
	state   string
	users   int
	retired bool
	close   *time.Timer
}

func newShelf() *shelf { return &shelf{open: map[string]*shelved{}} }

// book opens the history in a file that is in a state. done must be called.
func (s *shelf) book(ctx context.Context, file, state string, pseudonymize bool) (book *ask.Book, done func() error, err error) {
	h, err := s.take(ctx, file, state)
	if err != nil {
		return nil, nil, err
	}
	if book, err = ask.Of(ctx, h.db); err == nil && pseudonymize {
		if err = book.History.Pseudonymize(ctx); err != nil {
			err = errors.Join(err, book.Close())
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.give(file, h, true))
	}
	return book, func() error { return errors.Join(book.Close(), s.give(file, h, false)) }, nil
}

func (s *shelf) take(ctx context.Context, file, state string) (*shelved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.open[file]
	if h == nil || h.state != state {
		if h != nil {
			delete(s.open, file)
			h.retired = true
			if err := h.closeUnused(); err != nil {
				return nil, err
			}
		}
		db, err := store.OpenReadOnly(ctx, file, migrations.Check)
		if err != nil {
			return nil, err
		}
		h = &shelved{db: db, state: state}
		s.open[file] = h
	}
	h.users++
	if h.close != nil {
		h.close.Stop()
	}
	return h, nil
}

// give takes a database back; one that failed is not used again.
func (s *shelf) give(file string, h *shelved, failed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	if failed && s.open[file] == h {
		delete(s.open, file)
		h.retired = true
	}
	if h.users == 0 && !h.retired {
		h.close = time.AfterFunc(shelfTime, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if h.users == 0 && !h.retired {
				delete(s.open, file)
				h.retired = true
				_ = h.closeUnused() // it was read only
			}
		})
	}
	return h.closeUnused()
}

// closeUnused closes a database that nobody uses, and nobody will.
func (h *shelved) closeUnused() error {
	if h.users > 0 || !h.retired {
		return nil
	}
	return h.db.Close()
}
