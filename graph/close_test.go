package graph

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// A closed client keeps no connection, and one that it was lent it leaves open.
func TestClose(t *testing.T) {
	var made atomic.Int64
	states := make(chan http.ConnState, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"value":[]}`))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
		states <- state
	}
	s.Start()
	t.Cleanup(s.Close)
	await := func(want http.ConnState) {
		t.Helper()
		for state := range states {
			if state == want {
				return
			}
		}
	}
	for _, lent := range []bool{false, true} {
		made.Store(0)
		var transport http.RoundTripper
		if lent {
			own := &http.Transport{}
			defer own.CloseIdleConnections()
			transport = own
		}
		c, err := New(Options{Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"t"}}, Unpaced: true, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time after it was closed
			if _, err := c.DeletedUsers(t.Context()); err != nil {
				t.Fatal(err)
			}
			await(http.StateIdle)
			c.Close()
			if !lent {
				await(http.StateClosed)
			}
		}
		if n := made.Load(); lent && n != 1 || !lent && n != 2 {
			t.Errorf("lent %v: %d connections were made", lent, n)
		}
	}
}
