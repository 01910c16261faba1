package store

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// Take implements Store.
func (r *Redis) Take(ctx context.Context, key string, rate Rate, n int64, some bool) (t Taken, err error) {
	if err := cmp.Or(checkKey(key), rate.Check(), checkCount(n)); err != nil {
		return Taken{}, err
	}
	all := "all"
	if some {
		all = "some"
	}
	err = r.run(ctx, r.scripts.take, r.rateKey(key), func(result rueidis.RedisResult) error {
		v, err := result.AsIntSlice()
		if err == nil {
			t = Taken{
				Granted: v[0], Remaining: v[1],
				Retry: time.Duration(v[2]) * time.Microsecond, Reset: time.Duration(v[3]) * time.Microsecond,
			}
		}
		return err
	}, micros(rate.Interval()), strconv.FormatInt(rate.Burst, 10), strconv.FormatInt(n, 10), all)
	return t, err
}

// Give implements Store.
func (r *Redis) Give(ctx context.Context, key string, rate Rate, n int64) error {
	if err := cmp.Or(checkKey(key), rate.Check(), checkCount(n)); err != nil {
		return err
	}
	return r.run(ctx, r.scripts.give, r.rateKey(key), nil, micros(rate.Interval()), strconv.FormatInt(n, 10))
}

// Lock implements Store.
func (r *Redis) Lock(ctx context.Context, key string, places int, ttl time.Duration) (fence int64, ok bool, err error) {
	if err := checkKey(key); err != nil {
		return 0, false, err
	}
	err = r.run(ctx, r.scripts.lock, r.lockKey(key), func(result rueidis.RedisResult) (err error) {
		fence, err = result.AsInt64()
		return err
	}, strconv.Itoa(places), millis(ttl))
	return fence, fence != 0 && err == nil, err
}

// Extend implements Store.
func (r *Redis) Extend(ctx context.Context, key string, fence int64, ttl time.Duration) (ok bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	err = r.run(ctx, r.scripts.extend, r.lockKey(key), asBool(&ok), strconv.FormatInt(fence, 10), millis(ttl))
	return ok && err == nil, err
}

// Unlock implements Store.
func (r *Redis) Unlock(ctx context.Context, key string, fence int64) (ok, wanted bool, err error) {
	if err := checkKey(key); err != nil {
		return false, false, err
	}
	var done int64
	err = r.run(ctx, r.scripts.unlock, r.lockKey(key), func(result rueidis.RedisResult) (err error) {
		done, err = result.AsInt64()
		return err
	}, strconv.FormatInt(fence, 10), strconv.FormatInt(wantedFor.Microseconds(), 10))
	if err != nil {
		return false, false, err
	}
	return done > 0, done == 2, nil
}
