package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/redis"
)

// RedisOptions say which server, and how.
type RedisOptions struct {
	// URL is redis://[user:password@]host:port[/database], rediss:// with TLS, or unix:///path. Further
	// servers of a cluster, or Sentinels, are ?addr=host:port; ?master_set=name asks Sentinels.
	URL string

	User, Password string // in place of the URL's

	// What Sentinels ask for. They are other servers, and mostly have no passwords.
	SentinelUser, SentinelPassword string

	TLS     *tls.Config // in place of what rediss:// makes; without ServerName it is the host of each server
	Prefix  string      // of all keys and topics
	Timeout time.Duration
	Logger  *zap.Logger // nil: nothing is logged
}

// Redis is the engine that processes share: a server of Redis 6 or later, or one like it, alone, with
// Sentinels, or a cluster. Times are the server's.
//
// It connects when it is made, and again whenever the connection is lost. While there is none calls
// fail at once.
type Redis struct {
	o       RedisOptions
	client  *redis.Client
	scripts *scripts
	refused atomic.Uint64 // calls that the server answered with an error of its own
}

// NewRedis makes an engine. It does not wait for the server; an error is one of the options.
func NewRedis(o RedisOptions) (*Redis, error) {
	client, err := redis.New(redis.Options{
		URL: o.URL, User: o.User, Password: o.Password, SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword,
		TLS: o.TLS, Timeout: o.Timeout, Logger: o.Logger, Name: "the store",
	})
	if err != nil {
		return nil, err
	}
	return &Redis{o: o, client: client, scripts: allScripts}, nil
}

// AwaitFirst waits until the first try to connect is over.
func (r *Redis) AwaitFirst(ctx context.Context) { r.client.AwaitFirst(ctx) }

// do has a call made. What is wrong with the key is the caller's, and all else that a server answers, such
// as LOADING, READONLY, OOM or CLUSTERDOWN, the server's.
func (r *Redis) do(ctx context.Context, call func(ctx context.Context, c rueidis.Client) error) error {
	err := r.client.Do(ctx, call)
	switch {
	case err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case strings.HasPrefix(err.Error(), "WRONGTYPE"):
		return fmt.Errorf("the key is used by something else: %w", err)
	}
	var unanswered *redis.UnansweredError
	if !errors.As(err, &unanswered) {
		r.refused.Add(1)
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
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
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) (err error) {
		item, ok, err = readItem(c.Do(ctx, r.getItem(c, key)))
		return err
	})
	return item, ok && err == nil, err
}

func (r *Redis) getItem(c rueidis.Client, key string) rueidis.Completed {
	return c.B().Hmget().Key(r.valueKey(key)).Field("v", "n").Build()
}

// readItem reads the answer to getItem.
func readItem(result rueidis.RedisResult) (item Item, ok bool, err error) {
	fields, err := result.ToArray()
	if err != nil || fields[0].IsNil() || fields[1].IsNil() {
		return Item{}, false, err
	}
	if item.Value, err = fields[0].AsBytes(); err != nil {
		return Item{}, false, err
	}
	item.Version, err = fields[1].AsInt64()
	return item, true, err
}

// GetTTL implements Store. The time comes first: where the value is another one by then, it has longer
// to live than is said.
func (r *Redis) GetTTL(ctx context.Context, key string) (item Item, ttl time.Duration, ok bool, err error) {
	if err := checkKey(key); err != nil {
		return Item{}, 0, false, err
	}
	err = r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		results := c.DoMulti(ctx, c.B().Pttl().Key(r.valueKey(key)).Build(), r.getItem(c, key))
		ms, err := results[0].AsInt64()
		if err != nil {
			return err
		}
		if ttl = Forever; ms != -1 { // below 0: there was none
			ttl = time.Duration(max(ms, 1)) * time.Millisecond
		}
		item, ok, err = readItem(results[1])
		return err
	})
	if !ok || err != nil {
		return Item{}, 0, false, err
	}
	return item, ttl, true, nil
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
	err = r.run(ctx, r.scripts.set, r.valueKey(key), func(result rueidis.RedisResult) (err error) {
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
	err = r.run(ctx, r.scripts.incr, r.valueKey(key), func(result rueidis.RedisResult) error {
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
	err = r.run(ctx, r.scripts.expire, r.valueKey(key), asBool(&ok), millis(ttl))
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
			if c.Mode() == rueidis.ClientModeCluster { // a copy may have what is deleted already
				role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
				if err != nil {
					return err
				}
				if name, _ := role[0].ToString(); name != "master" {
					continue
				}
			}
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
	is, refused := r.client.Status(), r.refused.Load()
	s := Status{
		Engine: "redis", Address: is.Address, Up: is.Err == nil, Since: is.Since, Calls: is.Calls, Errors: is.Errors + refused,
		Waiting: is.Waiting, Latency: is.Latency, Spent: is.Spent, Times: is.Times,
	}
	for _, n := range is.Times {
		s.Answered += n
	}
	s.Answered -= min(s.Answered, refused)
	if is.Err != nil {
		s.Error = is.Err.Error()
	}
	return s
}

// Close implements Store.
func (r *Redis) Close() error {
	r.client.Close()
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
