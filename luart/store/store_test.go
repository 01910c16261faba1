package store_test

import (
	"testing"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return store.NewMemory(nil, store.Limits{}) })
}

func TestRedis(t *testing.T) {
	server := storetest.StartRedis(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := store.NewRedis(store.RedisOptions{URL: server.URL, Prefix: t.Name() + ":", Timeout: 20e9})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		s.AwaitFirst(t.Context())
		return s
	})
}
