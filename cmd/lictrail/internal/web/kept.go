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

// Bounds of what is kept.
const (
	keptTime  = time.Minute
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
// the same at the same time, one has it made. Unless it is to be kept, only these get it.
func (k *kept) get(key, state string, now time.Time, keep bool, answer func() (*response, error)) (*response, error) {
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
	if !keep || e.err != nil || len(e.given.body) > keptBytes/8 {
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

// state says whether the history of a tenant is still the same. Of all tenants
// together it says so by the files, without opening each: an answer about them may
// be as old as answers are kept.
func (s *Site) state(ctx context.Context, t *Tenant) (string, error) {
	if t != nil {
		return s.shelf.state(ctx, t.File)
	}
	var state strings.Builder
	for _, t := range s.Tenants {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(t.File + suffix); err == nil {
				fmt.Fprintf(&state, "%d %d ", info.Size(), info.ModTime().UnixNano())
			} else {
				state.WriteString("- ")
			}
		}
	}
	return state.String(), nil
}
