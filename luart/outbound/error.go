package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"sync/atomic"
)

// Step is the part of a request in which it failed.
type Step string

// The steps.
const (
	StepForbidden Step = "forbidden"    // the policy does not allow the address
	StepDNS       Step = "dns"          // the name could not be resolved
	StepConnect   Step = "connect"      // no connection
	StepTLS       Step = "tls"          // no secure one: a certificate, a protocol version
	StepTimeout   Step = "timeout"      // it took longer than it was given
	StepCancelled Step = "cancelled"    // whoever wanted it does not any more
	StepRedirect  Step = "redirect"     // too many, or to what is not HTTP
	StepBreaker   Step = "breaker open" // the host has failed too often: it was not asked
	StepTooLarge  Step = "too large"    // the body is longer than MaxBody
	StepProtocol  Step = "protocol"     // the connection broke off, or what came is not HTTP
)

var steps = [...]Step{
	StepForbidden, StepDNS, StepConnect, StepTLS, StepTimeout, StepCancelled, StepRedirect, StepTooLarge, StepProtocol, StepBreaker,
}

// Error is why a request failed; its text begins with the step. Every error of a Client
// is one, but io.EOF of Response.Read.
type Error struct {
	Step Step
	Err  error
}

func (e *Error) Error() string { return string(e.Step) + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Counters count what clients do. The zero value is ready. Any goroutine may use them.
type Counters struct {
	requests atomic.Uint64
	failures [len(steps)]atomic.Uint64
}

// Stats is a reading of Counters. A request that failed is among Requests too.
type Stats struct {
	Requests uint64
	Failures map[Step]uint64 // every step is in it
}

// Stats reads the counters, each of them at another moment. Any goroutine may call it.
func (c *Counters) Stats() Stats {
	s := Stats{Requests: c.requests.Load(), Failures: make(map[Step]uint64, len(steps))}
	for i, step := range steps {
		s.Failures[step] = c.failures[i].Load()
	}
	return s
}

func (c *Counters) failed(step Step) {
	for i := range steps {
		if steps[i] == step {
			c.failures[i].Add(1)
		}
	}
}

var (
	errBrokenOff = errors.New("the server closed the connection before the response was complete")
	errClosed    = errors.New("the response was closed")
)

// failure says what step err belongs to. ctx is the context of the call that failed.
func failure(ctx context.Context, err error) *Error {
	var e *Error
	var u *url.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{StepTimeout, context.Cause(ctx)}
	case ctx.Err() != nil:
		return &Error{StepCancelled, context.Cause(ctx)}
	case errors.As(err, &e):
		return e
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{StepProtocol, errBrokenOff}
	case errors.As(err, &u): // its text repeats the URL, with the secrets in it
		return &Error{StepProtocol, u.Err}
	default:
		return &Error{StepProtocol, err}
	}
}

// dialFailure says what step of connecting err belongs to.
func dialFailure(addr string, err error) *Error {
	var e *Error
	var dns *net.DNSError
	var timeout net.Error
	var sys *os.SyscallError
	var op *net.OpError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &dns):
		return &Error{StepDNS, &net.DNSError{Name: dns.Name, Err: dns.Err, UnwrapErr: dns}}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &Error{StepTimeout, &slowError{"connecting to " + addr, connectTimeout}}
	case errors.As(err, &op) && op.Addr != nil:
		cause := op.Err
		if errors.As(cause, &sys) {
			cause = sys.Err
		}
		return &Error{StepConnect, &addrError{op.Addr.String(), cause}}
	default:
		return &Error{StepConnect, err}
	}
}

// addrError is an error about one address.
type addrError struct {
	addr string
	err  error
}

func (e *addrError) Error() string { return e.addr + ": " + e.err.Error() }

func (e *addrError) Unwrap() error { return e.err }
