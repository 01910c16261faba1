package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// RedisOptions say which server, and how.
type RedisOptions struct {
	// URL is redis://[user:password@]host:port[/database], rediss:// with TLS, or unix:///path. Further
	// servers of a cluster, or Sentinels, are ?addr=host:port; ?master_set=name asks Sentinels.
	URL string

	User, Password string      // in place of the URL's
	TLS            *tls.Config // in place of what rediss:// makes
	Prefix         string      // of all keys and topics
	Timeout        time.Duration
	Logger         *zap.Logger // nil: nothing is logged
}

// Redis is the engine that processes share: a server of Redis 6 or later, or one like it, alone, with
// Sentinels, or a cluster. Times are the server's.
//
// It connects when it is made, and again whenever the connection is lost. While there is none calls
// fail at once.
type Redis struct {
	o       RedisOptions
	client  rueidis.ClientOption
	address string
	topics  topics

	receiving map[string]chan struct{} // by topic: closed when nobody receives it any more; guarded by topics.mu

	conn    atomic.Pointer[connection] // nil: the server does not answer
	calls   atomic.Uint64
	errors  atomic.Uint64
	waiting atomic.Int64
	latency atomic.Int64
	misses  atomic.Int32 // calls in a row that the server has not answered

	mu    sync.Mutex
	err   error // why there is no connection
	since time.Time

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	lost   chan struct{} // has the keeper look whether the server answers
	ready  chan struct{} // closed when the first try to connect is over
	work   sync.WaitGroup
}

// connection is a client whose server answers, until over is closed.
type connection struct {
	rueidis.Client
	over chan struct{}
}

const (
	maxMisses    = 3                      // then the server is asked whether it is there
	retryConnect = 250 * time.Millisecond // between tries
	pingEvery    = 2 * time.Second
)

// NewRedis makes an engine. It does not wait for the server; an error is one of the options.
func NewRedis(o RedisOptions) (*Redis, error) {
	o.Timeout = cmp.Or(o.Timeout, time.Second)
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	client, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New(hideSecrets(err.Error(), o.URL))
	}
	client.Username = cmp.Or(o.User, client.Username)
	client.Password = cmp.Or(o.Password, client.Password)
	if o.TLS != nil {
		client.TLSConfig = o.TLS
		if len(client.InitAddress) > 0 && o.TLS.ServerName == "" {
			client.TLSConfig = o.TLS.Clone()
			client.TLSConfig.ServerName, _, _ = net.SplitHostPort(client.InitAddress[0])
		}
	}
	if client.Sentinel.MasterSet != "" {
		client.Sentinel.TLSConfig = client.TLSConfig
		client.Sentinel.Username, client.Sentinel.Password = client.Username, client.Password
	}
	client.ClientName = cmp.Or(client.ClientName, "rover")
	client.Dialer.Timeout = o.Timeout
	client.ConnWriteTimeout = max(o.Timeout, time.Second)
	client.ReadBufferEachConn, client.WriteBufferEachConn = 64<<10, 64<<10
	client.PipelineMultiplex = 0 // calls pipeline well on few connections
	r := &Redis{
		o: o, client: client, address: strings.Join(client.InitAddress, ","), since: time.Now(),
		receiving: map[string]chan struct{}{}, lost: make(chan struct{}, 1), ready: make(chan struct{}), err: errors.New("not connected yet"),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.keepConnected)
	return r, nil
}

// hideSecrets takes a URL, which may have a password, out of a message.
func hideSecrets(message, url string) string {
	return strings.ReplaceAll(strings.ReplaceAll(message, strconv.Quote(url), "the URL"), url, "the URL")
}

// do has a call made, and counts it.
func (r *Redis) do(ctx context.Context, call func(ctx context.Context, c rueidis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.calls.Add(1)
	conn := r.conn.Load()
	if conn == nil {
		r.errors.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrDown, r.err)
	}
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	began := time.Now()
	within, cancel := context.WithTimeoutCause(ctx, r.o.Timeout, errSlow)
	defer cancel()
	err := call(within, conn)
	if answered(err) {
		r.misses.Store(0)
		r.note(time.Since(began))
		return redisError(err)
	}
	if ctx.Err() != nil { // the caller has left: that says nothing of the server
		return ctx.Err()
	}
	r.errors.Add(1)
	if within.Err() != nil {
		err = fmt.Errorf("no answer within %s", r.o.Timeout)
	}
	if r.misses.Add(1) == maxMisses {
		select {
		case r.lost <- struct{}{}:
		default:
		}
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

var errSlow = errors.New("the store is slow")

// answered reports whether the server has answered.
func answered(err error) bool {
	if err == nil || rueidis.IsRedisNil(err) {
		return true
	}
	_, ok := rueidis.IsRedisErr(err)
	return ok
}

// redisError is an answer of the server that is an error: what is wrong with the key is the
// caller's, and all else, such as LOADING, READONLY, OOM or CLUSTERDOWN, the server's.
func redisError(err error) error {
	if err == nil || rueidis.IsRedisNil(err) {
		return nil
	}
	if strings.HasPrefix(err.Error(), "WRONGTYPE") {
		return fmt.Errorf("the key is used by something else: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// note smooths the latency.
func (r *Redis) note(d time.Duration) {
	old := r.latency.Load()
	if old == 0 {
		r.latency.Store(int64(d))
		return
	}
	r.latency.Store(old + (int64(d)-old)/16)
}

// run has the server run a script on one key. read takes its answer.
func (r *Redis) run(ctx context.Context, script *rueidis.Lua, key string, read func(rueidis.RedisResult) error, args ...string) error {
	return r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		result := script.Exec(ctx, c, []string{key}, args)
		if err := result.Error(); err != nil || read == nil {
			return err
		}
		return read(result)
	})
}

func (r *Redis) valueKey(key string) string { return r.o.Prefix + "v:" + key }
func (r *Redis) lockKey(key string) string  { return r.o.Prefix + "l:" + key }
func (r *Redis) rateKey(key string) string  { return r.o.Prefix + "r:" + key }

// Get implements Store.
func (r *Redis) Get(ctx context.Context, key string) (item Item, ok bool, err error) {
	if err := checkKey(key); err != nil {
		return Item{}, false, err
	}
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		fields, err := c.Do(ctx, c.B().Hmget().Key(r.valueKey(key)).Field("v", "n").Build()).ToArray()
		if err != nil || fields[0].IsNil() || fields[1].IsNil() {
			return err
		}
		ok = true
		if item.Value, err = fields[0].AsBytes(); err != nil {
			return err
		}
		item.Version, err = fields[1].AsInt64()
		return err
	})
	return item, ok && err == nil, err
}

// Set implements Store.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration, only Only) (int64, bool, error) {
	return r.change(ctx, key, value, ttl, [...]string{"always", "new", "old"}[only], 0)
}

// CAS implements Store.
func (r *Redis) CAS(ctx context.Context, key string, version int64, value []byte, ttl time.Duration) (int64, bool, error) {
	return r.change(ctx, key, value, ttl, "cas", version)
}

func (r *Redis) change(ctx context.Context, key string, value []byte, ttl time.Duration, mode string, version int64) (now int64, ok bool, err error) {
	if err := cmp.Or(checkKey(key), checkValue(value)); err != nil {
		return 0, false, err
	}
	err = r.run(ctx, setScript, r.valueKey(key), func(result rueidis.RedisResult) (err error) {
		now, err = result.AsInt64()
		return err
	}, mode, strconv.FormatInt(version, 10), rueidis.BinaryString(value), millis(ttl))
	return now, now != 0 && err == nil, err
}

// Delete implements Store.
func (r *Redis) Delete(ctx context.Context, key string) (ok bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		n, err := c.Do(ctx, c.B().Del().Key(r.valueKey(key)).Build()).AsInt64()
		ok = n > 0
		return err
	})
	return ok && err == nil, err
}

// Incr implements Store.
func (r *Redis) Incr(ctx context.Context, key string, by, init int64, ttl time.Duration) (sum int64, err error) {
	if outOfRange(by) || outOfRange(init) {
		return 0, ErrRange
	}
	if err := checkKey(key); err != nil {
		return 0, err
	}
	wrong := error(nil)
	err = r.run(ctx, incrScript, r.valueKey(key), func(result rueidis.RedisResult) error {
		s, err := result.ToString()
		switch s {
		case "nan":
			wrong = ErrNotANumber
		case "range":
			wrong = ErrRange
		default:
			if err == nil {
				sum, err = strconv.ParseInt(s, 10, 64)
			}
		}
		return err
	}, strconv.FormatInt(by, 10), strconv.FormatInt(init, 10), millis(ttl))
	return sum, cmp.Or(err, wrong)
}

// Expire implements Store.
func (r *Redis) Expire(ctx context.Context, key string, ttl time.Duration) (ok bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	err = r.run(ctx, expireScript, r.valueKey(key), asBool(&ok), millis(ttl))
	return ok && err == nil, err
}

// TTL implements Store.
func (r *Redis) TTL(ctx context.Context, key string) (ttl time.Duration, ok bool, err error) {
	if err := checkKey(key); err != nil {
		return 0, false, err
	}
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		ms, err := c.Do(ctx, c.B().Pttl().Key(r.valueKey(key)).Build()).AsInt64()
		switch {
		case err != nil:
		case ms == -1:
			ttl, ok = Forever, true
		case ms >= 0:
			ttl, ok = time.Duration(max(ms, 1))*time.Millisecond, true
		}
		return err
	})
	return ttl, ok && err == nil, err
}

// List implements Store.
func (r *Redis) List(ctx context.Context, prefix, after string, limit int) (keys []string, err error) {
	if limit <= 0 {
		return nil, nil
	}
	begin := r.valueKey("")
	match := globQuoter.Replace(begin+prefix) + "*"
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		found := map[string]struct{}{} // a scan may return a key twice
		for _, node := range c.Nodes() {
			for cursor := uint64(0); ; {
				entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(match).Count(1000).Build()).AsScanEntry()
				if err != nil {
					return err
				}
				for _, key := range entry.Elements {
					if key = strings.TrimPrefix(key, begin); key > after {
						found[key] = struct{}{}
					}
				}
				if len(found) > 2*limit+1000 { // the last ones are not wanted
					keys = slices.Sorted(maps.Keys(found))
					for _, key := range keys[limit:] {
						delete(found, key)
					}
				}
				if cursor = entry.Cursor; cursor == 0 {
					break
				}
			}
		}
		keys = slices.Sorted(maps.Keys(found))
		keys = keys[:min(limit, len(keys))]
		return nil
	})
	return keys, err
}

var globQuoter = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// Local implements Store.
func (r *Redis) Local() bool { return false }

// Status implements Store.
func (r *Redis) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		Engine: "redis", Address: r.address, Up: r.err == nil, Since: r.since, Calls: r.calls.Load(), Errors: r.errors.Load(),
		Waiting: r.waiting.Load(), Latency: time.Duration(r.latency.Load()),
	}
	if r.err != nil {
		s.Error = r.err.Error()
	}
	return s
}

// Close implements Store.
func (r *Redis) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}

// asBool reads an answer of 0 or 1.
func asBool(ok *bool) func(rueidis.RedisResult) error {
	return func(result rueidis.RedisResult) error {
		n, err := result.AsInt64()
		*ok = n == 1
		return err
	}
}

// millis is a time to live for scripts: "forever", "keep", or milliseconds.
func millis(ttl time.Duration) string {
	switch ttl {
	case Forever:
		return "forever"
	case Keep:
		return "keep"
	}
	return strconv.FormatInt(whole(ttl).Milliseconds(), 10)
}

// micros is an interval for scripts: microseconds, with a fraction.
func micros(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/1e3, 'f', 3, 64)
}
