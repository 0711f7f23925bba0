package web

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// shelfTime is how long a database stays open without requests. No transaction is open in
// that time, so that a writer does not wait and SQLite can reuse its write-ahead log.
const shelfTime = 5 * time.Second

// How often, and how long apart, opening a database is tried where another process wrote
// to it before it could be read.
const (
	openings    = 40
	openingWait = 25 * time.Millisecond
)

// shelf keeps databases open between answers, with the data that all answers at one state
// share: names, runs, reads and, where they are used, pseudonyms. As soon as anything has
// been written, or the file was replaced, the database is opened again, with all checks.
type shelf struct {
	pseudonymize bool

	mu    sync.Mutex
	files map[string]*shelved // by path
}

// shelved is a database that is open, or is to be.
type shelved struct {
	opening sync.Mutex // held while it is opened: one does it for all
	file    os.FileInfo
	db      *store.DB
	known   *ask.Book // what has been learned of its state; it is closed
	err     error     // why it could not be opened

	// under the mutex of the shelf:
	users int
	gone  bool // nobody gets it any more
	timer *time.Timer
}

func newShelf(pseudonymize bool) *shelf {
	return &shelf{pseudonymize: pseudonymize, files: map[string]*shelved{}}
}

// book opens the history in a file. done must be called.
func (s *shelf) book(ctx context.Context, path string) (book *ask.Book, done func() error, err error) {
	for try := range openings {
		if try > 1 { // a run that commits writes several times within moments
			select {
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			case <-time.After(openingWait):
			}
		}
		h := s.lend(path)
		if book, err = h.currentBook(ctx, path, s.pseudonymize); book != nil {
			return book, func() error { return errors.Join(book.Close(), s.takeBack(path, h)) }, nil
		}
		s.retire(path, h)
		if err = errors.Join(err, s.takeBack(path, h)); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errChanging
}

// errChanging: between two looks at the database somebody has written each time.
var errChanging = errors.New("the database is being written")

// state says what has been written to the history in a file, and erased from it.
func (s *shelf) state(ctx context.Context, path string) (state, error) {
	book, done, err := s.book(ctx, path)
	if err != nil {
		return state{}, err
	}
	erased, err := book.History.Erasure(ctx)
	return state{written: book.History.State(), erased: erased}, errors.Join(err, done())
}

// currentBook returns the book of the database, which is opened if it is not open yet;
// nil if something has been written since.
func (h *shelved) currentBook(ctx context.Context, path string, pseudonymize bool) (*ask.Book, error) {
	h.opening.Lock()
	if h.known == nil && h.err == nil {
		h.err = h.open(context.WithoutCancel(ctx), path, pseudonymize)
	}
	h.opening.Unlock()
	if h.err != nil {
		return nil, h.err
	}
	if file, err := os.Stat(path); err == nil && !os.SameFile(file, h.file) {
		return nil, nil
	}
	return ask.Again(ctx, h.db, h.known)
}

func (h *shelved) open(ctx context.Context, path string, pseudonymize bool) (err error) {
	h.file, _ = os.Stat(path) // opening says what is wrong
	if h.db, err = store.OpenReadOnly(ctx, path, migrations.Check); err != nil {
		return err
	}
	book, err := ask.Of(ctx, h.db)
	if err == nil && pseudonymize {
		err = book.History.Pseudonymize(ctx)
	}
	if book != nil {
		err = errors.Join(err, book.Close())
	}
	h.known = book
	return err
}

// lend is the database of a path, for one more user.
func (s *shelf) lend(path string) *shelved {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.files[path]
	if h == nil {
		h = &shelved{}
		s.files[path] = h
	}
	h.users++
	if h.timer != nil {
		h.timer.Stop()
	}
	return h
}

// retire lets nobody else have a database.
func (s *shelf) retire(path string, h *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.gone = true
	if s.files[path] == h {
		delete(s.files, path)
	}
}

// takeBack takes a database back from a user. It is closed when nobody has it and nobody
// will.
func (s *shelf) takeBack(path string, h *shelved) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	switch {
	case h.users > 0:
		return nil
	case h.gone:
		return h.close()
	}
	h.timer = time.AfterFunc(shelfTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if h.users == 0 && !h.gone {
			h.gone = true
			delete(s.files, path)
			_ = h.close() // it was read only
		}
	})
	return nil
}

func (h *shelved) close() error {
	if h.db == nil {
		return nil
	}
	return h.db.Close()
}
