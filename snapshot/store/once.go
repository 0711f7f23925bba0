package store

import (
	"sync"

	"lictrail/snapshot"
)

// shared is what has been read once for all who read the same state of a history.
type shared struct {
	mu  sync.Mutex
	all map[sharedKey]*sharedValue
}

// sharedKey names what was read, and the run that was asked about.
type sharedKey struct {
	what      string
	at, until snapshot.RunID
}

type sharedValue struct {
	mu    sync.Mutex // held while it is read
	ready bool
	value any
}

// Once returns what a read gives; of all who have opened the same state of the
// history, see [DB.Again], one reads it. Nobody may change what it returns.
func Once[T any](h *History, what string, read func() (T, error)) (T, error) {
	key := sharedKey{what, h.At.ID, h.until}
	h.shared.mu.Lock()
	v := h.shared.all[key]
	if v == nil {
		v = &sharedValue{}
		h.shared.all[key] = v
	}
	h.shared.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ready {
		return v.value.(T), nil
	}
	value, err := read()
	if err == nil {
		v.ready, v.value = true, value
	}
	return value, err
}
