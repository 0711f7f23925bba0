// Package web serves the answers of package ask as pages on this machine: the
// same answers as those of the commands, in a browser. It only reads. Pages name people of
// the tenant, so every request must have the secret in its address, and requests of other
// sites' pages are refused.
package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of what clients can make the server do.
const (
	maxConnections = 512
	maxHeaderBytes = 16 << 10
	headerTimeout  = 5 * time.Second  // for a request to arrive
	writeTimeout   = 60 * time.Second // for the whole of an answer
	keepAlive      = 90 * time.Second
	closeTimeout   = 10 * time.Second // for answers under way when the server ends
)

// Options is how a server is set up.
type Options struct {
	Secret string   // the first part of every path
	Hosts  []string // what the Host header may be, exactly
	Proxy  *Proxy   // nil: people ask directly
	Idle   time.Duration
}

// Server answers requests until its context ends, or it has been idle for its idle time.
type Server struct {
	http  *http.Server
	guard *guard
	idle  time.Duration
	last  atomic.Int64 // when the newest request came or was answered
	busy  atomic.Int64 // requests under way
}

// NewServer returns a server that gives what its guard lets through to a handler.
func NewServer(o Options, handler http.Handler) *Server {
	s := &Server{idle: o.Idle}
	g := &guard{hosts: o.Hosts, secret: sha256.Sum256([]byte(o.Secret)), proxy: o.Proxy, next: handler}
	s.guard = g
	s.http = &http.Server{
		Handler: s.counted(g), MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: keepAlive,
	}
	return s
}

// Opening returns a path that leads to the start page, once: for a browser that is
// opened by a command, which other users of the machine can read.
func (s *Server) Opening(secret string) string {
	code := NewSecret()
	s.guard.opener.code, s.guard.opener.to = sha256.Sum256([]byte(code)), "/"+secret+"/"
	s.guard.opener.left.Store(true)
	return openPath + code
}

// counted notes the time of requests and how many are being answered.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer func() {
			s.last.Store(time.Now().UnixNano())
			s.busy.Add(-1)
		}()
		next.ServeHTTP(w, r)
	})
}

// Serve answers until the context ends or the server has been idle for its time.
// What is being answered then is answered.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	s.last.Store(time.Now().UnixNano())
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(netutil.LimitListener(listener, maxConnections)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	case <-s.unused(ctx):
	}
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer stop()
	err := s.http.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // a client that does not read its answer
	}
	<-served
	return err
}

// unused returns a channel that is closed when nobody has asked for the idle time.
func (s *Server) unused(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	if s.idle <= 0 {
		return done
	}
	go func() {
		for {
			left := s.idle - time.Since(time.Unix(0, s.last.Load()))
			if left <= 0 && s.busy.Load() == 0 {
				close(done)
				return
			}
			select {
			case <-time.After(max(left, 10*time.Millisecond)):
			case <-ctx.Done():
				return
			}
		}
	}()
	return done
}
