package resilience

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Bounds of a Policy.
const (
	MaxAttempts = 10
	MaxBackoff  = time.Minute
)

// Policy says when a request is made again. It is not changed once it is used.
type Policy struct {
	Attempts   int           // with the first
	Backoff    time.Duration // the longest wait before the second; it doubles from one to the next
	MaxBackoff time.Duration // the longest of all
	Jitter     float64       // the part of a wait that is random: 1 is all of it, 0 nothing
	TryTimeout time.Duration // of each; 0: none of its own
	On         On
	Methods    []string // made again although something may have been sent; nil: the idempotent ones
	Budget     float64  // see Budgets
}

// DefaultPolicy is what a script gets that says nothing but how many attempts.
func DefaultPolicy() Policy {
	return Policy{Attempts: 3, Backoff: 100 * time.Millisecond, MaxBackoff: 2 * time.Second, Jitter: 1, On: OnRetry(), Budget: 0.2}
}

// idempotent are the methods for which twice is as good as once (RFC 9110, 9.2.2).
var idempotent = []string{
	http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete,
}

// Repeatable reports whether a request may be made again which the service may have got.
func (p *Policy) Repeatable(method string, header http.Header) bool {
	methods := p.Methods
	if methods == nil {
		methods = idempotent
		if header.Get("Idempotency-Key") != "" {
			return true
		}
	}
	return slices.Contains(methods, method)
}

// Waits are the waits of one request from attempt to attempt.
type Waits struct {
	policy *Policy
	next   backoff.ExponentialBackOff
}

// Waits returns the waits of a request.
func (p *Policy) Waits() *Waits {
	mean := 1 - p.Jitter/2 // of a wait, as a part of the longest
	return &Waits{p, backoff.ExponentialBackOff{
		InitialInterval:     time.Duration(float64(p.Backoff) * mean),
		MaxInterval:         time.Duration(float64(p.MaxBackoff) * mean),
		RandomizationFactor: p.Jitter / 2 / mean,
		Multiplier:          2,
	}}
}

// Next returns how long to wait before the next attempt. header is that of the response that is the
// reason, nil for none; where it asks for more patience than there is, ok is false. now is the
// time.
func (w *Waits) Next(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	wait = min(w.next.NextBackOff(), w.policy.MaxBackoff)
	asked := retryAfter(header, now)
	return max(wait, asked), asked <= w.policy.MaxBackoff
}

// retryAfter returns what a response asks for, 0 for nothing that can be understood.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(24*time.Hour/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
