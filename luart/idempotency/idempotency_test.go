package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-rover/rover/luart/idempotency"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func TestMain(m *testing.M) {
	// The client looks for a cluster once, and may sleep for a second behind that.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// engines calls f with each engine.
func engines(t *testing.T, f func(t *testing.T, s store.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, store.NewMemory(nil, store.Limits{})) })
	t.Run("redis", func(t *testing.T) {
		s, err := store.NewRedis(store.RedisOptions{URL: storetest.StartRedis(t).URL, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		s.AwaitFirst(t.Context())
		f(t, s)
	})
}

func ask(t *testing.T, s store.Store, key, body string, want idempotency.State) idempotency.Found {
	t.Helper()
	found, err := idempotency.Ask(t.Context(), s, key, idempotency.NewFingerprint([]byte(body), "POST"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if found.State != want {
		t.Fatalf("%s of %s is %c, want %c", body, key, found.State, want)
	}
	return found
}

func TestStates(t *testing.T) {
	engines(t, func(t *testing.T, s store.Store) {
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		claim := ask(t, s, "k", "a", idempotency.Claimed).Claim
		ask(t, s, "k", "a", idempotency.Running)
		ask(t, s, "k", "b", idempotency.Other)
		ask(t, s, "l", "a", idempotency.Claimed)
		bell := idempotency.Listen(s, "k")
		defer bell.Close()
		rung := bell.Next()
		check(claim.Free(t.Context()))
		<-rung
		claim = ask(t, s, "k", "b", idempotency.Claimed).Claim // also another request
		answer := &idempotency.Answer{Status: 201, Header: http.Header{"X-Latin": {"caf\xe9", "2"}}, Body: []byte("\x00\xff")}
		check(claim.Keep(t.Context(), answer, time.Minute))
		if got := ask(t, s, "k", "b", idempotency.Answered).Answer; !reflect.DeepEqual(got, answer) {
			t.Errorf("got %+v", got)
		}
		check(claim.Seal(t.Context(), idempotency.Unknown, time.Minute)) // it has ended
		ask(t, s, "k", "b", idempotency.Answered)

		claim = ask(t, s, "m", "a", idempotency.Claimed).Claim
		tooLarge := &idempotency.Answer{Status: 200, Body: bytes.Repeat([]byte("x"), idempotency.MaxAnswer)}
		if err := claim.Keep(t.Context(), tooLarge, time.Minute); !errors.Is(err, idempotency.ErrTooLarge) {
			t.Error(err)
		}
		check(claim.Seal(t.Context(), idempotency.NotKept, time.Minute))
		if got := ask(t, s, "m", "a", idempotency.Sealed).Why; got != idempotency.NotKept {
			t.Errorf("sealed because of %c", got)
		}

		claim = ask(t, s, "n", "a", idempotency.Claimed).Claim
		if _, err := s.Delete(t.Context(), "n"); err != nil {
			t.Fatal(err)
		}
		if err := claim.Keep(t.Context(), answer, time.Minute); !errors.Is(err, idempotency.ErrLost) {
			t.Error(err)
		}
		ask(t, s, "n", "a", idempotency.Claimed)
	})
}

// lossy does as it is told, and says that it does not know.
type lossy struct{ store.Store }

func (l lossy) Set(ctx context.Context, key string, value []byte, ttl time.Duration, only store.Only) (int64, bool, error) {
	_, _, _ = l.Store.Set(ctx, key, value, ttl, only)
	return 0, false, store.ErrDown
}

// A claim of which nobody knows whether the store has it is given up, and no other one's.
func TestGiveUp(t *testing.T) {
	engines(t, func(t *testing.T, s store.Store) {
		lost, err := idempotency.Ask(t.Context(), lossy{s}, "k", idempotency.NewFingerprint(nil), time.Minute)
		if !errors.Is(err, store.ErrDown) {
			t.Fatal(err)
		}
		if err := lost.Claim.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, s, "k", "a", idempotency.Claimed)
		if err := lost.Claim.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, s, "k", "a", idempotency.Running)
	})
}

// Of many at once one claims a key, and the others get its answer.
func TestOnce(t *testing.T) {
	engines(t, func(t *testing.T, s store.Store) {
		var ran [10]atomic.Int64
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				n := i % len(ran)
				bell := idempotency.Listen(s, fmt.Sprint(n))
				defer bell.Close()
				for {
					rung := bell.Next()
					found, err := idempotency.Ask(context.Background(), s, fmt.Sprint(n), idempotency.Fingerprint{}, time.Minute)
					switch {
					case err != nil:
						t.Error(err)
						return
					case found.State == idempotency.Answered:
						return
					case found.State == idempotency.Running:
						<-rung
						continue
					}
					if ran[n].Add(1) == 1 { // which fails
						err = found.Claim.Free(context.Background())
					} else {
						err = found.Claim.Keep(context.Background(), &idempotency.Answer{Status: 200}, time.Minute)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for n := range ran {
			if got := ran[n].Load(); got != 2 {
				t.Errorf("%d ran %d times", n, got)
			}
		}
	})
}

func TestKey(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][]string{{"a", "b"}, {"ab"}, {"ab", ""}, {"", "ab"}, {"a", "b", ""}, {strings.Repeat("x", 1<<20)}} {
		key := idempotency.Key(parts...)
		if seen[key] || len(key) > 100 {
			t.Errorf("%.20q: %q", parts, key)
		}
		seen[key] = true
	}
}

// FuzzValue has a store with any value: it is an answer that can be sent, or an error.
func FuzzValue(f *testing.F) {
	s := store.NewMemory(nil, store.Limits{})
	claim := must(idempotency.Ask(context.Background(), s, "k", idempotency.Fingerprint{}, time.Minute)).Claim
	_ = claim.Keep(context.Background(), &idempotency.Answer{Status: 200, Header: http.Header{"A": {"b"}}, Body: []byte("c")}, time.Minute)
	item, _, _ := s.Get(context.Background(), "k")
	for n := range len(item.Value) {
		f.Add(item.Value[:n])
	}
	f.Add(item.Value)
	f.Fuzz(func(t *testing.T, value []byte) {
		if _, _, err := s.Set(context.Background(), "v", value, time.Minute, store.Always); err != nil {
			return
		}
		found, err := idempotency.Ask(context.Background(), s, "v", idempotency.Fingerprint{}, time.Minute)
		if err == nil && (found.State == idempotency.Answered) != (found.Answer != nil) {
			t.Errorf("%+v", found)
		}
		if a := found.Answer; a != nil && (a.Status < 200 || a.Status > 999 || a.Header == nil) {
			t.Errorf("%+v", a)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
