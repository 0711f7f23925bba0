package graph

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lictrail/snapshot"
)

// TestGroups: many groups are read a few at a time, each gets its own answer, and
// while one is told to wait none is asked for.
func TestGroups(t *testing.T) {
	var now, most atomic.Int32
	var mu sync.Mutex
	var heard, free time.Time // between them no request may come: what was under way has come before
	throttled, early := 0, 0
	full := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		if most.Store(max(most.Load(), n)); n == atATime {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		id := path.Base(r.URL.Path)
		mu.Lock()
		if now := time.Now(); now.After(heard) && now.Before(free) {
			early++
		}
		refuse := id == fmt.Sprintf("%08x-0000-4000-8000-000000000000", 9) && throttled < 2
		if refuse {
			throttled++
			heard, free = time.Now().Add(time.Second), time.Now().Add(1950*time.Millisecond)
		}
		mu.Unlock()
		if refuse {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		select { // until as many are under way as may be
		case <-full:
		case <-time.After(5 * time.Second):
		}
		if id[7] == '5' {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"Request_ResourceNotFound","message":"x"}}`)
			return
		}
		fmt.Fprintf(w, `{"id":%q,"displayName":"G","assignedLicenses":[]}`, id)
	}))
	defer s.Close()
	c, err := New(Options{Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"secret"}}, Jitter: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var ids []snapshot.GroupID
	for i := range 30 {
		ids = append(ids, snapshot.GroupID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)))
	}
	ids = append(ids, "no GUID")
	groups, errs := c.Groups(t.Context(), ids)
	for i, id := range ids {
		switch {
		case id == "no GUID":
			if errs[i] == nil {
				t.Error("took an id that is none")
			}
		case errs[i] != nil || groups[i].ID != id || groups[i].Gone != (i%16 == 5):
			t.Errorf("group %d: %+v, %v", i, groups[i], errs[i])
		}
	}
	if most.Load() != atATime || throttled != 2 {
		t.Errorf("%d were under way at most, want %d; %d were told to wait", most.Load(), atATime, throttled)
	}
	if early > 2*(atATime-1) { // those that were on their way already
		t.Errorf("%d requests came while others were told to wait", early)
	}
}

// TestUntilFailure: service principals and users are asked for a few at a time, and once
// one has been refused no more are.
func TestUntilFailure(t *testing.T) {
	const n = 40
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
	}
	for _, refused := range []int{-1, 0, 10} {
		var now, most, asked atomic.Int32
		answer := func(_ int, w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			id := path.Base(r.URL.Path)
			if refused >= 0 && id == ids[refused] {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `{"error":{"code":"Authorization_RequestDenied","message":"x"}}`)
				return
			}
			time.Sleep(time.Second) // it passes when everybody waits: a refusal has been read by then
			fmt.Fprintf(w, `{"id":%q}`, id)
		}
		inBubble(t, answer, func(t *testing.T, s *server) {
			c, _ := s.client(t, nil)
			found, errs := c.Principals(t.Context(), ids)
			users := make([]snapshot.UserID, n)
			for i, id := range ids {
				users[i] = snapshot.UserID(id)
				if refused < 0 && (errs[i] != nil || found[i].ID != id) {
					t.Errorf("%s: %+v, %v", id, found[i], errs[i])
				}
				if errs[i] == nil && found[i].ID != id {
					t.Errorf("refused at %d: %s is %+v without an error", refused, id, found[i])
				}
			}
			exist, failed := c.UsersExist(t.Context(), users)
			for i := range users {
				if refused < 0 && (failed[i] != nil || !exist[i]) || exist[i] && failed[i] != nil {
					t.Errorf("%s: %v, %v", users[i], exist[i], failed[i])
				}
			}
			if most.Load() > atATime || refused < 0 && most.Load() < atATime {
				t.Errorf("%d at most were under way, want %d", most.Load(), atATime)
			}
			if limit := int32(2 * (refused + 2*atATime)); refused >= 0 && asked.Load() > limit || refused < 0 && asked.Load() != 2*n {
				t.Errorf("refused at %d: %d requests", refused, asked.Load())
			}
			if refused >= 0 && (errs[refused] == nil || errs[n-1] == nil || failed[n-1] == nil) {
				t.Errorf("refused at %d: %v and %v at the end", refused, errs[n-1], failed[n-1])
			}
		})
	}
}

// TestHold: requests are held back until the latest time that any was told.
func TestHold(t *testing.T) {
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	h := new(hold)
	if (*hold)(nil).remaining(at) != 0 || h.remaining(at) > 0 {
		t.Error("nothing was told, and requests are held back")
	}
	h.extend(at.Add(time.Minute))
	h.extend(at.Add(time.Second))
	if left := h.remaining(at); left != time.Minute {
		t.Errorf("held back for %v", left)
	}
	r := &reader{c: &Client{opts: Options{Now: func() time.Time { return at }}}, op: opGroup, shared: h}
	if e := r.held(); e == nil || e.wait != time.Minute || e.retry != later {
		t.Errorf("%+v", e)
	}
}
