package redis

import (
	"errors"
	"testing"

	"github.com/redis/rueidis"
)

// closable is a client that can be closed, and nothing else.
type closable struct{ rueidis.Client }

func (closable) Close() {}

// TestConnectedWhileItComesAndGoes: there is a connection, or the reason why not, also when the
// server comes back between two looks.
func TestConnectedWhileItComesAndGoes(t *testing.T) {
	c, err := New(Options{URL: "redis://127.0.0.1:1", Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.AwaitFirst(t.Context())
	stop, flips := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(flips)
		for {
			select {
			case <-stop:
				return
			default:
				c.up(closable{})
				c.down(errors.New("away"))
			}
		}
	}()
	for range 50_000 {
		if conn, away := c.connected(t.Context()); conn == nil && away == nil {
			t.Error("neither a connection nor a reason")
			break
		}
	}
	close(stop)
	<-flips
}
