package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func newRedis(t *testing.T, o store.RedisOptions) *store.Redis {
	t.Helper()
	s, err := store.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AwaitFirst(t.Context())
	return s
}

// awaitUp calls the store until it answers, or does not any more.
func awaitUp(t *testing.T, s *store.Redis, up bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for s.Status().Up != up {
		_, _, _ = s.Get(t.Context(), "k")
		if time.Now().After(deadline) {
			t.Fatalf("up is never %v: %+v", up, s.Status())
		}
	}
}

// A server that is not there, or does not answer, costs a call its timeout at most, and when it is
// known to be down nothing. It is found again when it is back.
func TestRedisComesAndGoes(t *testing.T) {
	server := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	core, logs := observer.New(zap.InfoLevel)
	s := newRedis(t, store.RedisOptions{URL: server.URL, Timeout: 2 * time.Second, Logger: zap.New(core)})
	if _, _, err := s.Set(t.Context(), "k", []byte("v"), store.Forever, store.Always); err != nil {
		t.Fatal(err)
	}
	for name, away := range map[string]struct{ leave, back func() }{
		"killed": {server.Kill, server.Start},
		"paused": {server.Pause, server.Continue},
	} {
		t.Run(name, func(t *testing.T) {
			away.leave()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrDown) {
						t.Errorf("got %v", err)
					}
				})
			}
			wg.Wait()
			awaitUp(t, s, false)
			for range 1000 { // they fail at once, or this would take minutes
				if _, err := s.Incr(t.Context(), "n", 1, 0, store.Forever); !errors.Is(err, store.ErrDown) {
					t.Fatalf("got %v", err)
				}
			}
			if st := s.Status(); st.Error == "" || st.Errors == 0 || st.Waiting != 0 {
				t.Errorf("%+v", st)
			}
			away.back()
			awaitUp(t, s, true)
			item, ok, err := s.Get(t.Context(), "k")
			if !ok || err != nil || string(item.Value) != "v" {
				t.Errorf("%q %v %v", item.Value, ok, err)
			}
		})
	}
	if n := logs.FilterMessage("the store is connected").Len(); n != 3 {
		t.Errorf("%d connections logged", n)
	}
}

// Who has subscribed goes on when the server is back, and is told that messages may be lost.
func TestRedisSubscriptionGoesOn(t *testing.T) {
	server := storetest.StartRedis(t)
	s := newRedis(t, store.RedisOptions{URL: server.URL, Timeout: time.Second})
	got := make(chan string, 10_000)
	cancel := s.Subscribe("t", func(m []byte) {
		if m == nil {
			got <- "begins"
			return
		}
		got <- string(m)
	})
	defer cancel()
	for round := range 3 {
		for m := <-got; m != "begins"; m = <-got { // those that were sent once more
			if m != "m" {
				t.Fatal(m)
			}
		}
		for received := false; !received; { // a message may get lost while connections come and go
			_ = s.Publish(t.Context(), "t", []byte("m"))
			select {
			case m := <-got:
				received = m == "m"
			case <-time.After(50 * time.Millisecond):
			}
		}
		if round < 2 {
			server.Kill()
			server.Start()
		}
	}
}

func TestRedisIsNotThere(t *testing.T) {
	s := newRedis(t, store.RedisOptions{URL: "unix:///nonexistent/redis.sock", Timeout: time.Second})
	if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrDown) || !strings.Contains(err.Error(), "redis.sock") {
		t.Errorf("got %v", err)
	}
	if st := s.Status(); st.Up || st.Error == "" {
		t.Errorf("%+v", st)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrDown) {
		t.Errorf("after Close: %v", err)
	}
}

// What waits ends when the store is closed.
func TestRedisClose(t *testing.T) {
	server := storetest.StartRedis(t)
	s := newRedis(t, store.RedisOptions{URL: server.URL, Timeout: time.Minute})
	server.Pause()
	defer server.Continue()
	over := make(chan error)
	go func() {
		_, _, err := s.Get(context.Background(), "k")
		over <- err
	}()
	for s.Status().Waiting != 1 {
	}
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	if err := <-over; !errors.Is(err, store.ErrDown) {
		t.Errorf("got %v", err)
	}
	<-closed
}

func TestRedisPassword(t *testing.T) {
	server := storetest.StartRedis(t, "--requirepass", "s3cret")
	s := newRedis(t, store.RedisOptions{URL: server.URL, Password: "s3cret"})
	if _, _, err := s.Get(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	wrong := newRedis(t, store.RedisOptions{URL: strings.Replace(server.URL, "unix://", "unix://:wr0ng@", 1)})
	_, _, err := wrong.Get(t.Context(), "k")
	if !errors.Is(err, store.ErrDown) || !strings.Contains(err.Error(), "WRONGPASS") && !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"http://u:s3cret@x", "redis://u:s3cret@h/a/b", "redis://u:s3cret@h\x7f", "redis://u:s3cret@h/x"} {
		if _, err := store.NewRedis(store.RedisOptions{URL: url}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// A key that something else uses is an error, and is left alone.
func TestRedisForeignKey(t *testing.T) {
	server := storetest.StartRedis(t)
	a := newRedis(t, store.RedisOptions{URL: server.URL})
	b := newRedis(t, store.RedisOptions{URL: server.URL, Prefix: "v:"})
	if _, err := b.Take(t.Context(), "k", store.Rate{Count: 1, Per: time.Second, Burst: 1}, 1, false); err != nil { // v:r:k, a string
		t.Fatal(err)
	}
	if _, _, err := a.Set(t.Context(), "r:k", nil, store.Forever, store.Always); err == nil || errors.Is(err, store.ErrDown) {
		t.Errorf("got %v", err)
	}
}
