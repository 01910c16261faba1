package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/resilience"
)

// failing is what a script wants done about upstreams that fail, and how far that has got for one
// request. Caddy's reverse proxy makes the tries: it asks the source for the upstream of each, and
// goes on after an error that says that nothing was sent. So a try that is to be made again ends with
// such an error, whatever has happened.
type failing struct {
	guard   *resilience.Guard
	retry   *resilience.Policy   // nil: as the proxy block says
	breaker *resilience.Settings // nil: there is none

	block tryLimit              // of the proxy block
	waits *resilience.Waits     // from try to try
	wait  time.Duration         // before the next one
	ended bool                  // there is no further try: the last one's end is the request's
	once  bool                  // the list does not begin again: only Caddy's rules are for another try
	open  *resilience.OpenError // of the breaker that has refused the last upstream
}

// tryLimit is what the proxy block says about retries.
type tryLimit struct {
	tries int           // 0: nothing
	until time.Duration // from the begin of the request; 0: nothing
	begin time.Time
}

func newFailing(p *luart.ProxyTo) failing {
	f := failing{guard: p.Guard, retry: p.Retry, breaker: p.Breaker}
	if f.guard == nil && (f.retry != nil || f.breaker != nil) {
		f.guard = resilience.NewGuard(nil, "api.proxy", zap.NewNop())
	}
	if f.retry != nil {
		f.waits = f.retry.Waits()
	}
	return f
}

// ready reports whether the breaker of an upstream lets requests through, and remembers why not.
func (f *failing) ready(dial string) bool {
	if f.breaker == nil {
		return true
	}
	var open *resilience.OpenError
	if !errors.As(f.guard.Breakers.Get(dial, f.breaker).Ready(f.breaker), &open) {
		return true
	}
	if f.open == nil || open.Retry < f.open.Retry {
		f.open = open
	}
	return false
}

// sleep waits until the next try may be made, or the request ends.
func (f *failing) sleep(ctx context.Context) {
	if f.wait > 0 {
		f.guard.Clock.Sleep(ctx, f.wait)
		f.wait = 0
	}
}

// againError is the end of a try that is to be made again.
type againError struct {
	err    error
	status int  // what the client gets if there is none after all
	tried  bool // it is that of a response
}

func (e *againError) Error() string { return e.err.Error() }

// As makes it an error of dialling to Caddy.
func (e *againError) As(target any) bool {
	dial, ok := target.(*reverseproxy.DialError)
	if ok {
		*dial = reverseproxy.NewDialError(e.err)
	}
	return ok
}

// notAsked is the end of a try that a breaker has refused meanwhile.
func notAsked(err error) *againError {
	return &againError{err: fmt.Errorf("breaker open: %w", err), status: http.StatusServiceUnavailable}
}

// guarded makes a round trip to the current upstream as far as its breaker lets it, and decides
// whether there is to be another. One that the client has spoilt, by a body that is broken, says nothing about the upstream: else one client could open the breaker for all.
func (to *Target) guarded(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	f := &to.failing
	dial := to.current.dial
	var pass resilience.Pass
	if f.breaker != nil {
		var err error
		if pass, err = f.guard.Breakers.Get(dial, f.breaker).Allow(f.breaker); err != nil {
			errors.As(err, &f.open)
			return nil, notAsked(err)
		}
	}
	f.open = nil
	if f.retry != nil && to.asked == 0 {
		f.guard.Budgets.Earn(dial, f.retry.Budget)
	}
	to.asked++
	to.clientLate.Store(false)
	result := resilience.Unknown // also where the round trip panics
	defer func() { pass.Done(result) }()
	resp, err := send(req)
	broken := req.Body != nil && req.Body != http.NoBody && (to.upload.Broken() != nil || to.clientLate.Load())
	if err == nil && f.breaker != nil {
		result = resilience.Succeeded
		if broken && f.breaker.On.Status(resp.StatusCode) {
			result = resilience.Unknown
		} else if f.breaker.On.Status(resp.StatusCode) {
			result = resilience.Failed
		}
	}
	var kind resilience.Kind
	if err != nil {
		if left(req.Context(), err) {
			return resp, err
		}
		kind = kindOf(err)
		if broken && !kind.Unsent() {
			f.ended = true // the client has no other body for another try
			return resp, err
		}
		if f.breaker != nil && f.breaker.On.Kind(kind) {
			result = resilience.Failed
		}
	}
	if f.retry == nil {
		return resp, err
	}
	pass.Done(result) // before it is asked who may be next
	pass = resilience.Pass{}
	return to.orAgain(req, kind, resp, err)
}

// orAgain returns the end of a try, or an *againError.
func (to *Target) orAgain(req *http.Request, kind resilience.Kind, resp *http.Response, err error) (*http.Response, error) {
	f := &to.failing
	failed := err != nil && f.retry.On.Kind(kind) || err == nil && f.retry.On.Status(resp.StatusCode)
	if err == nil && !failed {
		return resp, nil
	}
	unsent := err != nil && kind.Unsent()
	body := req.Body == nil || req.Body == http.NoBody || to.body != nil || unsent
	switch {
	case !to.mayTryAgain():
		f.ended = true
		return resp, err
	case !failed, !body, !unsent && !f.retry.Repeatable(req.Method, req.Header):
		f.once = true
		return resp, err
	case !to.afford(unsent, resp):
		f.ended = true
		return resp, err
	}
	again := &againError{err: err, status: http.StatusBadGateway}
	var timeout net.Error
	switch {
	case err == nil:
		_ = resp.Body.Close()
		again.err, again.status, again.tried = fmt.Errorf("status %d", resp.StatusCode), resp.StatusCode, true
	case errors.As(err, &timeout) && timeout.Timeout():
		again.status = http.StatusGatewayTimeout
	}
	return nil, again
}

// mayTryAgain reports whether the number of tries and the proxy block's time allow another.
func (to *Target) mayTryAgain() bool {
	b := &to.failing.block
	return to.tried < to.failing.retry.Attempts &&
		(b.tries == 0 || to.tried < b.tries) &&
		(b.until == 0 || time.Since(b.begin) < b.until)
}

// afford reports whether there is an upstream for another try, and enough of the budget of the one
// that has failed; it sets how long to wait. Where another of the list has not been asked yet that
// costs no time, and nothing either where nothing was sent: it is what the list is for.
func (to *Target) afford(unsent bool, resp *http.Response) bool {
	f := &to.failing
	fresh := false
	if to.pick == nil {
		available := false
		for i, u := range to.upstreams {
			if u.srv || f.ready(u.dial) {
				available = true
				fresh = fresh || i >= to.cursor
			}
		}
		if !available {
			return false
		}
	}
	f.open = nil // it has been asked for another reason
	if fresh && unsent {
		return true
	}
	if !fresh {
		var header http.Header
		if resp != nil {
			header = resp.Header
		}
		wait, ok := f.waits.Next(header, f.guard.Clock.Now())
		if !ok {
			return false
		}
		f.wait = wait
	}
	if !f.guard.Spend(to.current.dial) {
		f.wait = 0
		return false
	}
	return true
}

// left reports whether a round trip has ended because nobody wants its answer any more.
func left(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) || ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// kindOf returns what kind of failure ended a round trip.
func kindOf(err error) resilience.Kind {
	var dial reverseproxy.DialError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return resilience.DNS
	case errors.As(err, &dial):
		return resilience.Connect
	case errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &record):
		return resilience.TLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return resilience.Timeout
	default:
		return resilience.Protocol
	}
}

// settled returns the error of a request whose last try has ended with err, and tells the client
// when to come again if no upstream may be asked now.
func (to *Target) settled(w http.ResponseWriter, err error) error {
	if err == nil && !to.over {
		return nil
	}
	var again *againError
	if to.over {
		err = to.finalError()
	} else if errors.As(err, &again) {
		err = caddyhttp.Error(again.status, again.err)
	}
	var open *resilience.OpenError
	if errors.As(err, &open) {
		w.Header().Set("Retry-After", strconv.Itoa(open.RetryAfter()))
	}
	return err
}
