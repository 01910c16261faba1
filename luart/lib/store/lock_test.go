package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/libtest"
	engine "github.com/caddy-rover/rover/luart/store"
)

// farStore is a store whose locks are given although nobody waits for the answer any more.
type farStore struct {
	*engine.Memory
	asked, answer chan struct{}
}

func (s *farStore) Local() bool { return false }

func (s *farStore) Lock(ctx context.Context, key string, places int, ttl time.Duration) (int64, bool, error) {
	s.asked <- struct{}{}
	fence, ok, err := s.Memory.Lock(context.Background(), key, places, ttl)
	select {
	case <-s.answer:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	return fence, ok, err
}

// A lock that its caller cannot take any more is given back.
func TestLockOfWhoHasLeft(t *testing.T) {
	s := &farStore{engine.NewMemory(nil, engine.Limits{}), make(chan struct{}, 1), make(chan struct{})}
	vm := libtest.New(t, store.Library)
	vm.Change = func(script *luart.Script) { script.Store = s }
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		got, err := vm.Eval(ctx, `return rover.store("s"):lock("k", { ttl = 3600 })`)
		if err == nil {
			t.Log(got)
		}
		left <- err
	}()
	<-s.asked
	leave()
	close(s.answer)
	<-left
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, ok, err := s.Memory.Lock(t.Context(), "1:s:k", 1, time.Hour); ok || err != nil {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is held still")
		}
	}
}
