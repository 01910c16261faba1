package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/redis"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func ping(ctx context.Context, c rueidis.Client) error {
	return c.Do(ctx, c.B().Ping().Build()).Error()
}

// A lazy client connects with its first call, rests when nobody uses it, and comes back with the next call,
// until its context ends.
func TestIdle(t *testing.T) {
	server := storetest.StartRedis(t)
	core, logs := observer.New(zap.InfoLevel)
	ctx, end := context.WithCancel(t.Context())
	c, err := redis.New(redis.Options{
		URL: server.URL, Timeout: time.Minute, Idle: time.Millisecond, Lazy: true, Context: ctx, Logger: zap.New(core), Name: "it",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := logs.Len(); n != 0 {
		t.Errorf("it has connected before a call: %v", logs.All())
	}
	for range 2 {
		if err := c.Do(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
		for c.Status().Err == nil {
			select {
			case <-t.Context().Done():
				t.Fatal("it does not rest")
			case <-time.After(10 * time.Millisecond):
			}
		}
		if err := c.Status().Err; !strings.Contains(err.Error(), "nobody has used") {
			t.Fatalf("it is away: %v", err)
		}
	}
	if n := logs.FilterMessage("it is connected").Len(); n != 2 {
		t.Errorf("it has connected %d times: %v", n, logs.All())
	}

	// Who receives messages uses it.
	begun := make(chan struct{}, 1)
	cancel := c.Subscribe(redis.Channel, "t", func(m *rueidis.PubSubMessage) {
		if m == nil {
			begun <- struct{}{}
		}
	})
	<-begun
	if err := c.Status().Err; err != nil {
		t.Errorf("it is away while somebody receives: %v", err)
	}
	cancel()
	end()
	var away *redis.UnansweredError
	for {
		err := c.Do(t.Context(), ping)
		if errors.As(err, &away) && strings.Contains(err.Error(), "closed") {
			break
		}
		if err != nil && !errors.As(err, &away) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
