package graph

import (
	"context"
	"net/http"
)

// ahead is the first request for a page that is sent while the page before it is
// still being read. It is sent once; whatever goes wrong with it is reported when its
// page's turn comes, as if it had been sent then. Its answer's body is left to the
// transport, which takes in no more than a few megabytes of it.
type ahead struct {
	link   string
	from   reader // counts its request
	watch  *watch
	ended  chan struct{} // when the goroutine has ended; the rest is read after it only
	resp   *http.Response
	failed *Error
}

// sendAhead sends the request for the page after the one that r reads.
func (r *reader) sendAhead(ctx context.Context, link string, build request) *ahead {
	a := &ahead{
		link: link, watch: newWatch(ctx, r.c.opts.Quiet), ended: make(chan struct{}),
		from: reader{c: r.c, op: r.op, page: r.page + 1, pace: r.pace, shared: r.shared, eventual: r.eventual, since: r.c.opts.Now()},
	}
	go func() {
		defer close(a.ended)
		if a.resp, a.failed = a.from.send(a.watch, build); a.failed == nil {
			a.watch.pause()
		}
	}()
	return a
}

// take waits for the answer. The caller stops the watch.
func (a *ahead) take(r *reader) (*http.Response, *Error) {
	<-a.ended
	r.requests += a.from.requests
	if a.failed != nil {
		if a.failed.wait > 0 { // some of it may have passed
			a.failed.wait = r.shared.remaining(r.c.opts.Now())
		}
		return nil, a.failed
	}
	a.watch.resume(r.patience())
	return a.resp, nil
}

// leads reports whether the request is for the page that a link leads to.
func (a *ahead) leads(link string) bool { return a != nil && a.link == link }

// drop ends the request, whose page is not wanted any more. nil has nothing to end.
func (a *ahead) drop(r *reader) {
	if a == nil {
		return
	}
	a.watch.cancel(nil) // its goroutine may be starting the timers: they are stopped after it
	<-a.ended
	a.watch.stop()
	r.requests += a.from.requests
	if a.failed == nil {
		a.resp.Body.Close()
	}
}
