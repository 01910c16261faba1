package store_test

import (
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// Who has subscribed is told that messages may be lost whenever the server was taken for away, also where the
// network has only held what was sent. A connection that was given up is not connected once more for it.
func TestRedisSubscriptionOfHeldNetwork(t *testing.T) {
	server := storetest.StartRedis(t)
	way := server.Network()
	s := newRedis(t, store.RedisOptions{URL: "redis://" + way.Addr, Timeout: 200 * time.Millisecond})
	begins := make(chan bool, 100)
	defer s.Subscribe("t", func(m []byte) {
		if m == nil {
			begins <- true
		}
	})()
	<-begins
	way.Drop()
	awaitUp(t, s, false)
	way.Mend()
	<-begins
	way.Hold()
	awaitUp(t, s, false)
	way.Mend()
	awaitUp(t, s, true)
	select {
	case <-begins:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is told")
	}
}
