package web

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Bounds of the cache of answers.
const (
	keptTime  = time.Minute
	keptCount = 512
	keptBytes = 32 << 20
)

// keptWait is how long people wait for a new answer before they get the earlier one.
const keptWait = 2 * time.Second

// kept are answers of the last moments, for many people who ask the same at once.
// An answer is given again while the history is the same, and not for long: pages
// count days up to now. Where a new one takes longer than [keptWait], those who accept
// it get the answer before: see [entry.serves].
type kept struct {
	mu    sync.Mutex
	all   map[string]*entry
	bytes int
}

// state says what an answer rests on.
type state struct {
	written string // it differs after every transaction that added to the history
	erased  string // it differs after every transaction that erased something
}

type entry struct {
	state  state
	until  time.Time
	before *entry        // the answer in whose place this one is made; nil: none
	done   chan struct{} // closed when it is there
	given  *response
	err    error
}

// reuse says which answers may be given again.
type reuse int

const (
	reuseNothing reuse = iota // only to those who ask at the same time
	reuseSame                 // while the history is the same
	reuseEarlier              // and the one before, while a new one is made
)

func newKept() *kept { return &kept{all: map[string]*entry{}} }

// get returns the answer to a question at a state of the history; earlier says that
// a newer one is being made. Of those who ask the same at the same time, one has it
// made.
func (k *kept) get(key string, s state, now time.Time, reuse reuse, answer func() (*response, error)) (given *response, earlier bool, err error) {
	patience := time.NewTimer(keptWait)
	defer patience.Stop()
	for {
		e, before, mine := k.entry(key, s, now, reuse)
		var late <-chan time.Time
		if before != nil {
			late = patience.C
		}
		switch {
		case mine && before == nil:
			k.make(key, e, reuse, answer)
		case mine:
			go func() {
				// A panic must not end the program. The answer failed, so the next one who
				// asks has it made in a request, and the server reports what went wrong.
				defer func() { _ = recover() }()
				k.make(key, e, reuse, answer)
			}()
		}
		select {
		case <-e.done:
			switch {
			case e.err != nil && before != nil:
				return before.given, true, nil
			case e.state == s:
				return e.given, false, e.err
			}
		case <-late:
			return before.given, true, nil
		}
	}
}

// entry is the answer that a question waits for: one that is there or is being made,
// or a new one, which is for the caller to make. The answer before it may be given if
// that takes too long; it is nil where it may not.
func (k *kept) entry(key string, s state, now time.Time, reuse reuse) (e, before *entry, mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e = k.all[key]
	if e != nil && reuse == reuseEarlier {
		if before = e; !e.made() {
			before = e.before
		}
		if !before.serves(s, now) {
			before = nil
		}
	}
	switch {
	case e != nil && e.state == s && now.Before(e.until):
		return e, before, false
	case e != nil && !e.made() && before != nil: // of another state: one is made at a time
		return e, before, false
	}
	e = &entry{state: s, until: now.Add(keptTime), before: before, done: make(chan struct{}), err: errBroken}
	k.drop(key)
	k.all[key] = e
	return e, before, true
}

// make has an answer made, and keeps it if it may be given again.
func (k *kept) make(key string, e *entry, reuse reuse, answer func() (*response, error)) {
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		close(e.done) // whatever happens: others wait for it
		if k.all[key] == e {
			k.keep(key, e, reuse)
		}
	}()
	e.given, e.err = answer()
}

// keep makes room for an answer that has been made, or forgets it.
func (k *kept) keep(key string, e *entry, reuse reuse) {
	e.before = nil
	if reuse == reuseNothing || e.err != nil || len(e.given.body) > keptBytes/8 {
		delete(k.all, key)
		return
	}
	k.bytes += len(e.given.body)
	for other := range k.all { // in no order: all of them are young
		if len(k.all) <= keptCount && k.bytes <= keptBytes {
			break
		}
		if other != key {
			k.drop(other)
		}
	}
}

// made says whether the answer is there.
func (e *entry) made() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// serves says whether an answer may be given while a newer one is made: nothing that
// it shows has been erased since, and it is not older than twice the time for which
// answers are kept.
func (e *entry) serves(s state, now time.Time) bool {
	return e != nil && e.made() && e.err == nil && e.state.erased == s.erased && now.Before(e.until.Add(keptTime))
}

// errBroken is returned to requests that waited for an answer which ended in a panic.
var errBroken = errors.New("the answer could not be made")

// drop forgets an answer, if it is there.
func (k *kept) drop(key string) {
	e := k.all[key]
	if e == nil {
		return
	}
	if e.made() && e.given != nil { // else whoever has it made sees that it is not wanted any more
		k.bytes -= len(e.given.body)
	}
	delete(k.all, key)
}

// state says what an answer about a tenant rests on. Of all tenants together it
// says so by the files, without opening each: an answer about them may be as old as
// answers are kept, and none is given while a new one is made.
func (s *Site) state(ctx context.Context, t *Tenant) (state, error) {
	if t != nil {
		return s.shelf.state(ctx, t.File)
	}
	var files strings.Builder
	for _, t := range s.Tenants {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(t.File + suffix); err == nil {
				fmt.Fprintf(&files, "%d %d ", info.Size(), info.ModTime().UnixNano())
			} else {
				files.WriteString("- ")
			}
		}
	}
	return state{written: files.String(), erased: files.String()}, nil
}
