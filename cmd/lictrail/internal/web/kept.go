package web

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Bounds of what is kept.
const (
	keptTime  = 10 * time.Second
	keptCount = 512
	keptBytes = 32 << 20
)

// kept are answers of the last moments, for many people who ask the same at once.
// An answer is given again only while the history is the same, and not for long:
// pages count days up to now.
type kept struct {
	mu    sync.Mutex
	all   map[string]*entry
	bytes int
}

type entry struct {
	state string
	until time.Time
	done  chan struct{} // closed when it is there
	given *response
	err   error
}

func newKept() *kept { return &kept{all: map[string]*entry{}} }

// get returns the answer to a question at a state of the history. Of those who ask
// the same at the same time, one has it made.
func (k *kept) get(key, state string, now time.Time, answer func() (*response, error)) (*response, error) {
	k.mu.Lock()
	e := k.all[key]
	if e != nil && e.state == state && now.Before(e.until) {
		k.mu.Unlock()
		<-e.done
		return e.given, e.err
	}
	e = &entry{state: state, until: now.Add(keptTime), done: make(chan struct{}), err: errBroken}
	k.drop(key)
	k.all[key] = e
	k.mu.Unlock()

	func() {
		defer close(e.done) // whatever happens: others wait for it
		e.given, e.err = answer()
	}()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[key] != e {
		return e.given, e.err
	}
	if e.err != nil || len(e.given.body) > keptBytes/8 {
		delete(k.all, key)
		return e.given, e.err
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
	return e.given, e.err
}

// errBroken is what those get who waited for an answer that ended in a panic.
var errBroken = errors.New("the answer could not be made")

// drop forgets an answer, if it is there.
func (k *kept) drop(key string) {
	e := k.all[key]
	if e == nil {
		return
	}
	select {
	case <-e.done:
		if e.given != nil {
			k.bytes -= len(e.given.body)
		}
	default: // whoever has it made sees that it is not wanted any more
	}
	delete(k.all, key)
}

// state tells of a history whether it is still the same: a run that was committed
// has written to the file, or to the log beside it.
func (s *Site) state(t *Tenant) string {
	tenants := s.Tenants
	if t != nil {
		tenants = []Tenant{*t}
	}
	state := ""
	for _, t := range tenants {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(t.File + suffix); err == nil {
				state += fmt.Sprintf("%d %d ", info.Size(), info.ModTime().UnixNano())
			} else {
				state += "- "
			}
		}
	}
	return state
}
