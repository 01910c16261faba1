// Package store is memory between requests, of one process or of many: values by key with a time
// to live, atomic changes of one key, locks with fencing numbers, rates, and messages. [Memory] is
// the engine inside the process, [Redis] one that many processes share. Both behave alike, and the
// tests in storetest hold them to it. The package knows no Lua.
//
// Any goroutine may call everything. Each call ends with its context; an engine also gives up by
// itself after its timeout.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-rover/rover/luart/redis"
)

// MaxValue is how long a value may be, in bytes.
const MaxValue = 1 << 20

// MaxKey is how long a key may be, in bytes.
const MaxKey = 1024

// Forever is the time to live of what does not expire.
const Forever time.Duration = 0

// Keep is the time to live that a change of a value leaves as it was. A new value lives
// forever with it.
const Keep time.Duration = -1

// Errors of calls that the engine has answered.
var (
	ErrNotANumber = errors.New("the value is not a number")
	ErrRange      = errors.New("the number would be beyond 2^53 - 1")
	ErrFull       = errors.New("the store is full")
)

// ErrDown says that the engine could not be asked, or has not answered in time: whether a change
// was made is not known.
var ErrDown = errors.New("the store is down")

// Item is a value with its version. Each change of a key gives it another version, which it never
// had before, also when it was deleted or has expired meanwhile. Versions are below 2^53.
type Item struct {
	Value   []byte
	Version int64
}

// Only says when Set changes something.
type Only uint8

const (
	Always Only = iota
	New         // the key has no value
	Old         // the key has a value
)

// Rate is how often something may happen: Count times per Per, and Burst at once after a pause.
// 1 <= Burst, 0 < Count, 0 < Per.
type Rate struct {
	Count float64
	Per   time.Duration
	Burst int64
}

// Interval is the time from one to the next.
func (r Rate) Interval() time.Duration {
	return time.Duration(float64(r.Per)/r.Count + 0.999) // rounded up: never more often
}

// Check says what is wrong with the rate.
func (r Rate) Check() error {
	switch {
	case !(r.Count > 0) || r.Count > 1e9:
		return fmt.Errorf("a rate of %v: more than 0 and at most 1e9 expected", r.Count)
	case r.Per < time.Millisecond || r.Per > 366*24*time.Hour:
		return fmt.Errorf("a rate per %s: 1ms to a year expected", r.Per)
	case r.Burst < 1 || r.Burst > 1e9:
		return fmt.Errorf("a burst of %d: 1 to 1e9 expected", r.Burst)
	case float64(r.Interval())*float64(r.Burst) > float64(366*24*time.Hour):
		return fmt.Errorf("a burst of %d at %v per %s takes more than a year to come back", r.Burst, r.Count, r.Per)
	}
	return nil
}

// Taken is what Take has given.
type Taken struct {
	Granted   int64         // of what was asked for
	Remaining int64         // that could be taken now
	Retry     time.Duration // until what was asked for is there, where not all was granted
	Reset     time.Duration // until Burst is there again
}

// Store is an engine. Keys are bytes, 1 to MaxKey of them; values at most MaxValue. A time to live
// is rounded up to milliseconds.
type Store interface {
	// Get returns the value of a key; ok is false where there is none.
	Get(ctx context.Context, key string) (item Item, ok bool, err error)

	// GetTTL is Get, and how long the value has to live, or had just before.
	GetTTL(ctx context.Context, key string) (item Item, ttl time.Duration, ok bool, err error)

	// Set gives a key a value, and returns its new version; ok is false where only forbids it.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration, only Only) (version int64, ok bool, err error)

	// CAS is Set where the key has this version still; 0 is a key without a value.
	CAS(ctx context.Context, key string, version int64, value []byte, ttl time.Duration) (now int64, ok bool, err error)

	// Delete removes a value; ok is false where there was none.
	Delete(ctx context.Context, key string) (ok bool, err error)

	// Incr adds to a number, and returns the sum. A key without a value begins with init, and
	// gets the time to live; that of an old one stays. ErrNotANumber, ErrRange: nothing has changed.
	Incr(ctx context.Context, key string, by, init int64, ttl time.Duration) (sum int64, err error)

	// Expire sets the time to live; ok is false where there is no value.
	Expire(ctx context.Context, key string, ttl time.Duration) (ok bool, err error)

	// TTL returns how long a value has to live; ok is false where there is none.
	TTL(ctx context.Context, key string) (ttl time.Duration, ok bool, err error)

	// List returns keys that begin with prefix and come after after, in the order of their
	// bytes, at most limit of them. It looks at every key of the engine: for jobs, not for requests.
	// A key that is set or deleted meanwhile may be in it or not.
	List(ctx context.Context, prefix, after string, limit int) (keys []string, err error)

	// Take takes n of a rate: all or nothing, or with some as many as there are.
	Take(ctx context.Context, key string, r Rate, n int64, some bool) (Taken, error)

	// Give gives back what Take has granted and nobody has used.
	Give(ctx context.Context, key string, r Rate, n int64) error

	// Lock takes one of the places of a lock for ttl, if one is free. Fence is a number larger than
	// that of anybody who has had one before: who writes elsewhere under the lock sends it along,
	// and the other side refuses smaller ones. Who asks says how many places there are: with
	// fewer than are held nobody gets one.
	Lock(ctx context.Context, key string, places int, ttl time.Duration) (fence int64, ok bool, err error)

	// Extend gives a place ttl from now; ok is false where it is not held with this fence any more.
	Extend(ctx context.Context, key string, fence int64, ttl time.Duration) (ok bool, err error)

	// Unlock gives a place back; ok is false where it is not held with this fence any more. wanted
	// says that somebody was refused one within the last second, and may ask again.
	Unlock(ctx context.Context, key string, fence int64) (ok, wanted bool, err error)

	// Publish sends a message to all who have subscribed to the topic, here and elsewhere.
	// Nobody keeps it: who subscribes later, or has lost the connection, does not get it.
	Publish(ctx context.Context, topic string, message []byte) error

	// Subscribe has deliver called with each message of a topic, one at a time and in order, until
	// cancel returns. A nil message says that it begins now, and what was sent before may
	// not have come: it is the first one, and one that comes after the connection was away. deliver
	// must not block, and must not call cancel.
	Subscribe(topic string, deliver func(message []byte)) (cancel func())

	// Local reports whether calls return at once: nothing is asked elsewhere.
	Local() bool

	// Status says how the engine is.
	Status() Status

	// Close ends what is under way with ErrDown, and frees what the engine has.
	Close() error
}

// LatencyBounds are those of Status.Times.
var LatencyBounds = redis.Bounds[:]

// Status is how an engine is.
type Status struct {
	Engine   string // "memory", "redis"
	Address  string // without secrets; "" for memory
	Up       bool
	Error    string    // why it is not up
	Since    time.Time // it is up, or not
	Calls    uint64
	Errors   uint64        // calls that ended with ErrDown
	Waiting  int64         // calls under way
	Latency  time.Duration // smoothed, of calls that were answered
	Spent    time.Duration // in calls that the server has answered, also with an error of its own
	Times    []uint64      // how many of those took up to each of LatencyBounds, and more
	Answered uint64        // calls that did not end with an error
	Items    int           // of memory
	Bytes    int64         // likewise
}

// maxNumber bounds numbers: a float64, which numbers are in Lua and in Redis' scripts, has all
// integers up to it, and what is beyond is never rounded to it.
const maxNumber = 1<<53 - 1

func outOfRange(n int64) bool { return n > maxNumber || n < -maxNumber }

// Values that are numbers begin with numberTag; others must not.
const numberTag = '#'

// Number is a number as a value, as Incr writes it.
func Number(n int64) []byte { return strconv.AppendInt([]byte{numberTag}, n, 10) }

// ParseNumber reads a value that Number has made.
func ParseNumber(value []byte) (n int64, ok bool) {
	if len(value) == 0 || value[0] != numberTag {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value[1:]), 10, 64)
	return n, err == nil && !outOfRange(n) && bytes.Equal(Number(n), value)
}

// checkCount is for engines: n is what is taken or given.
func checkCount(n int64) error {
	if n < 0 || n > 1e9 {
		return fmt.Errorf("%d of a rate: 0 to 1e9 expected", n)
	}
	return nil
}

// checkKey and checkValue are for engines.
func checkKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("a key of %d bytes: 1 to %d expected", len(key), MaxKey)
	}
	return nil
}

func checkValue(value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("a value of %d bytes: at most %d expected", len(value), MaxValue)
	}
	return nil
}

// wantedFor is for how long who was refused a lock is taken to want it still.
const wantedFor = time.Second

// whole rounds a time to live up to milliseconds.
func whole(ttl time.Duration) time.Duration {
	if ttl <= 0 {
		return ttl
	}
	return (ttl + time.Millisecond - 1).Truncate(time.Millisecond)
}
