package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-rover/rover/luart/resilience"
)

// attempts makes the attempts of a request, by do, until one has succeeded or there is to be no
// further one. The last one's end is that of the request: also where a breaker would refuse the
// next, whose error would say less.
func (c *Client) attempts(ctx context.Context, req *Request, do func(ctx context.Context, at *attempt) (*Response, error)) (*Response, error) {
	c.counters.requests.Add(1)
	p := req.Retry
	if p == nil {
		return do(ctx, &attempt{})
	}
	begun := c.guard.Clock.Now()
	target := hostPortOf(req.URL)
	c.guard.Budgets.Earn(target, p.Budget)
	waits := p.Waits()
	for n := 1; ; n++ {
		at := &attempt{}
		r, err := c.try(ctx, req, at, do)
		if n >= p.Attempts || ctx.Err() != nil || !at.mayAgain(req, r, err) {
			return r, err
		}
		var header http.Header
		if r != nil {
			header = r.Header
		}
		now := c.guard.Clock.Now()
		wait, ok := waits.Next(header, now)
		if !ok || req.Timeout > 0 && now.Sub(begun)+wait >= req.Timeout || c.outlasts(ctx, wait) {
			return r, err
		}
		if b := req.Breaker; b != nil && c.guard.Breakers.Get(target, b).Ready(b) != nil || !c.guard.Spend(target) {
			return r, err
		}
		if r != nil {
			r.Close()
		}
		if wait > 0 {
			c.guard.Clock.Sleep(ctx, wait)
		}
		if ctx.Err() != nil {
			return nil, failure(ctx, ctx.Err())
		}
	}
}

// outlasts reports whether a wait goes on for longer than a context.
func (c *Client) outlasts(ctx context.Context, wait time.Duration) bool {
	end, ok := ctx.Deadline()
	return ok && end.Sub(c.guard.Clock.Now()) <= wait
}

// try makes one attempt, within its own time.
func (c *Client) try(ctx context.Context, req *Request, at *attempt, do func(ctx context.Context, at *attempt) (*Response, error)) (*Response, error) {
	if d := req.Retry.TryTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = c.within(ctx, d, &slowError{"an attempt of the request", d})
		defer cancel()
	}
	return do(ctx, at)
}

// attempt is one attempt of a request, with the redirects that it follows. It is the transport of
// these.
type attempt struct {
	c    *Client
	req  *Request
	ctx  context.Context // of the attempt: why it has ended
	sent bool            // a request may have been: none that could not be connected
}

// mayAgain reports whether the attempt has ended so that another may help, and do no harm.
func (a *attempt) mayAgain(req *Request, r *Response, err error) bool {
	p := req.Retry
	if err == nil {
		return p.On.Status(r.Status) && p.Repeatable(req.Method, req.Header)
	}
	kind, ok := kindOfFailure(err)
	return ok && p.On.Kind(kind) && (!a.sent || p.Repeatable(req.Method, req.Header))
}

// RoundTrip implements http.RoundTripper: a hop, which the breaker of its host may refuse.
func (a *attempt) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.req.Breaker == nil {
		resp, err := a.c.RoundTrip(r)
		a.note(err)
		return resp, err
	}
	if err := a.c.checkURL(r.URL); err != nil { // no breaker is about what is forbidden
		return a.c.RoundTrip(r)
	}
	pass, err := a.c.guard.Breakers.Get(hostPortOf(r.URL), a.req.Breaker).Allow(a.req.Breaker)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &Error{StepBreaker, err}
	}
	result := resilience.Unknown // also where it panics
	defer func() { pass.Done(result) }()
	resp, err := a.c.RoundTrip(r)
	a.note(err)
	result = a.result(resp, err)
	return resp, err
}

// note remembers whether anything can have been sent.
func (a *attempt) note(err error) {
	kind, ok := kindOfFailure(failureOf(a.ctx, err))
	if err == nil || !ok || !kind.Unsent() {
		a.sent = true
	}
}

// result is what the end of a hop says of the service.
func (a *attempt) result(resp *http.Response, err error) resilience.Result {
	on := &a.req.Breaker.On
	switch {
	case err == nil && on.Status(resp.StatusCode):
		return resilience.Failed
	case err == nil:
		return resilience.Succeeded
	case a.c.ctx.Err() != nil: // the client's own end
		return resilience.Unknown
	}
	if kind, ok := kindOfFailure(failureOf(a.ctx, err)); ok && on.Kind(kind) {
		return resilience.Failed
	}
	return resilience.Unknown
}

// failureOf is failure for an error that there may not be.
func failureOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return failure(ctx, err)
}

// kindOfFailure returns the kind of an *Error, false for one that says nothing of the service.
func kindOfFailure(err error) (resilience.Kind, bool) {
	var e *Error
	if !errors.As(err, &e) {
		return "", false
	}
	switch e.Step {
	case StepConnect, StepDNS, StepTLS, StepTimeout, StepProtocol:
		return resilience.Kind(e.Step), true
	}
	return "", false
}

// hostPortOf is the host of a URL, in the form in which it is dialled, with its port.
func hostPortOf(u *url.URL) string { return net.JoinHostPort(dialled(u)) }
