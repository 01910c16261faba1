// Package limit says how often something may happen, for each of many keys. A [Limiter] counts in a
// store's engine: in the process itself, or, where processes share the store, by leases: it takes
// some of a key's rate at once, spends that without the store, and gives back what it does not
// use. What is taken has left the shared rate before it is spent, so that all processes together
// never let through more than the rate. The package knows no Lua.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
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
}

// Limiter limits one rule. Any goroutine may call it.
type Limiter struct {
	o      Options
	prefix string
	leases *leases
	local  *store.Memory // where it counts while the store does not answer

	allowed, denied, failed atomic.Uint64
}

// Decision is the answer to one question.
type Decision struct {
	Allowed   bool
	Remaining int64         // about as many are left
	Retry     time.Duration // where it is not allowed: when it may be; 0: never
	Reset     time.Duration // until Burst is there again, about
	Err       error         // the store has not answered, or ctx has ended
}

// New makes a limiter. The rate has been checked.
func New(o Options) *Limiter {
	l := &Limiter{o: o, prefix: "limit:" + o.Name + ":", local: store.NewMemory(nil, store.Limits{})}
	if o.Leases {
		l.leases = newLeases(o.Store, o.Rate)
	}
	return l
}

// Rate returns the rate.
func (l *Limiter) Rate() store.Rate { return l.o.Rate }

// Counts returns how often it was allowed and denied, and how often of that the store did not
// answer.
func (l *Limiter) Counts() (allowed, denied, failed uint64) {
	return l.allowed.Load(), l.denied.Load(), l.failed.Load()
}

// Allow asks whether something that costs so much may happen for a key. It waits for the store
// where there is no lease.
func (l *Limiter) Allow(ctx context.Context, key string, cost int64) Decision {
	d := l.decide(ctx, l.key(key), cost)
	if d.Allowed {
		l.allowed.Add(1)
	} else {
		l.denied.Add(1)
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
	l.failed.Add(1)
	switch l.o.OnFailure {
	case Open:
		d.Allowed = true
	case Local:
		err := d.Err
		d = take(ctx, l.local, key, l.o.Rate, cost)
		if d.Err == nil {
			d.Err = err
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

// Close gives back what is not used.
func (l *Limiter) Close() {
	if l.leases != nil {
		l.leases.close()
	}
}

// maxKey is how long a key may be as it is; a longer one is hashed.
const maxKey = 64

func (l *Limiter) key(key string) string {
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		key = "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
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
