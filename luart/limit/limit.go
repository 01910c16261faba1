// Package limit says how often something may happen, for each of many keys. A [Limiter] counts in a
// store's engine: in the process itself, or, where processes share the store, by leases: it takes
// some of a key's rate at once, spends that without the store, and gives back what it does not
// use. What is taken has left the shared rate before it is spent, so that all processes together
// never let through more than the rate. A [Gate] says how many may be under way at once. The
// package knows no Lua.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// OnFailure is what holds while the store does not answer.
type OnFailure uint8

const (
	Local  OnFailure = iota // each process counts for itself
	Closed                  // nothing is let through
	Open                    // everything is
)

// Options of a Limiter.
type Options struct {
	Name      string // of the rule: keys of different rules are apart
	Rate      store.Rate
	Store     store.Store // where it counts
	Leases    bool        // the store is shared, and far: take leases
	OnFailure OnFailure
	Counts    *Counts // where it is counted what was decided; nil: nowhere else
	Held      *Held   // which counts its leases; nil: none does

	// Fallback is where this process counts for itself while the store does not answer: many
	// limiters may have one. nil: each has its own.
	Fallback store.Store
}

// Counts is how often a rule has let something happen, or not. Failed are those of both that
// the store did not answer. Any goroutine may use it.
type Counts struct{ Allowed, Denied, Failed atomic.Uint64 }

// FailureNamed returns what "local", "closed" or "open" stands for.
func FailureNamed(name string) (f OnFailure, ok bool) {
	f, ok = map[string]OnFailure{"local": Local, "closed": Closed, "open": Open}[name]
	return f, ok
}

// ReadRate sets a part of the rate, of a script: rate, per in seconds, or burst. want says what is
// expected instead where f is none, which sets nothing.
func (o *Options) ReadRate(name string, f float64) (want string, ok bool) {
	switch name {
	case "rate":
		if ok = f > 0 && f <= 1e9; ok {
			o.Rate.Count = f
		}
		return "more than 0 and at most 1e9", ok
	case "per":
		if ok = f >= 0.001 && f <= maxPer.Seconds(); ok {
			o.Rate.Per = time.Duration(f * float64(time.Second))
		}
		return "seconds, 0.001 to a year,", ok
	}
	if ok = f >= 1 && f <= 1e9 && f == math.Trunc(f); ok {
		o.Rate.Burst = int64(f)
	}
	return "an integer from 1 to 1e9", ok
}

const maxPer = 366 * 24 * time.Hour

// Complete sets what was not read: per a second, and burst the rate. It says what is wrong with
// the whole.
func (o *Options) Complete() error {
	if o.Rate.Per == 0 {
		o.Rate.Per = time.Second
	}
	if o.Rate.Burst == 0 {
		o.Rate.Burst = max(1, int64(o.Rate.Count))
	}
	return o.Rate.Check()
}

// Limiter limits one rule. Any goroutine may call it.
type Limiter struct {
	o      Options
	prefix string
	leases *leases
}

// Decision is the answer to one question.
type Decision struct {
	Allowed   bool
	Remaining int64         // about as many are left
	Retry     time.Duration // where it is not allowed: when it may be; 0: never
	Reset     time.Duration // until Burst is there again, about
	Err       error         // the store has not answered, or ctx has ended
	local     bool          // and this process has counted for itself
}

// TooOften reports whether it is not allowed since a count says so: of all, or of this process
// alone where the store has not answered.
func (d Decision) TooOften() bool { return !d.Allowed && (d.Err == nil || d.local) }

// New makes a limiter. The rate has been checked.
func New(o Options) *Limiter {
	l := &Limiter{o: o, prefix: "limit:" + nameEscapes.Replace(o.Name) + ":"}
	if l.o.Fallback == nil {
		l.o.Fallback = store.NewMemory(nil, store.Limits{})
	}
	if l.o.Counts == nil {
		l.o.Counts = new(Counts)
	}
	if o.Leases {
		l.leases = newLeases(o.Store, o.Rate, l.prefix+hashed+"overflow")
		l.leases.held = o.Held
		o.Held.add(l.leases)
	}
	return l
}

// Rate returns the rate.
func (l *Limiter) Rate() store.Rate { return l.o.Rate }

// Allow asks whether something that costs so much may happen for a key. It waits for the store
// where there is no lease.
func (l *Limiter) Allow(ctx context.Context, key string, cost int64) Decision {
	d := l.decide(ctx, l.key(key), cost)
	if d.Allowed {
		l.o.Counts.Allowed.Add(1)
	} else {
		l.o.Counts.Denied.Add(1)
	}
	return d
}

func (l *Limiter) decide(ctx context.Context, key string, cost int64) Decision {
	var d Decision
	if l.leases != nil {
		d = l.leases.allow(ctx, key, cost)
	} else {
		d = take(ctx, l.o.Store, key, l.o.Rate, cost)
	}
	if d.Err == nil || ctx.Err() != nil {
		return d
	}
	if !errors.Is(d.Err, store.ErrDown) {
		return d // of this call: closed, whatever is said of the store
	}
	l.o.Counts.Failed.Add(1)
	switch l.o.OnFailure {
	case Open:
		d.Allowed = true
	case Local:
		err := d.Err
		d = take(ctx, l.o.Fallback, key, l.o.Rate, cost)
		if d.Err == nil {
			d.Err, d.local = err, true
		}
	}
	return d
}

func take(ctx context.Context, s store.Store, key string, r store.Rate, cost int64) Decision {
	t, err := s.Take(ctx, key, r, cost, false)
	d := Decision{Allowed: err == nil && t.Granted == cost, Remaining: t.Remaining, Retry: t.Retry, Reset: t.Reset, Err: err}
	if cost > r.Burst {
		d.Retry = 0
	}
	return d
}

// Close gives back what is not used. Who asks later asks the store.
func (l *Limiter) Close() {
	if l.leases != nil {
		l.leases.close()
	}
}

// nameEscapes has a colon end the name in a key: limits of different names share no key.
var nameEscapes = strings.NewReplacer("%", "%25", ":", "%3A")

const (
	// maxKey is how long a key may be as it is; a longer one is hashed.
	maxKey = 64

	// hashed begins keys that nobody can ask for: those that begin with it are hashed, too.
	hashed = "sha256:"
)

func (l *Limiter) key(key string) string {
	if len(key) > maxKey || strings.HasPrefix(key, hashed) {
		sum := sha256.Sum256([]byte(key))
		key = hashed + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return l.prefix + key
}

// AddressKey is the key of a client's address: an IPv4 address as it is, of an IPv6 address the
// /64, which a client has to itself. What is no address is its own key.
func AddressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
