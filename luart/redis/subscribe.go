package redis

import (
	"context"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-rover/rover/luart/topics"
)

// topic is one of a client.
type topic = topics.Topic[*rueidis.PubSubMessage]

// Kind is how messages are subscribed to.
type Kind string

const (
	Channel Kind = "channel" // of one name, on all servers of a cluster
	Pattern Kind = "pattern" // of all names that match
	Sharded Kind = "sharded" // of one name, on the servers of its shard, where it is a cluster
)

// Subscribe has deliver called with each message, one at a time and in order, until cancel returns. A
// nil message says that they begin to come, and that some before may be missing: it is the first one, and
// one that comes after the connection was away. deliver must not block, nor call cancel.
func (c *Client) Subscribe(kind Kind, name string, deliver func(*rueidis.PubSubMessage)) (cancel func()) {
	key := string(kind) + " " + name
	return c.topics.Add(key, deliver, func(tp *topic) func() { // one at a time
		before := c.receiving[key]
		ctx, leave := context.WithCancel(c.ctx)
		done := make(chan struct{})
		c.receiving[key] = done
		c.work.Go(func() {
			defer close(done)
			if before != nil { // the client does not tell two who receive the same apart
				<-before
			}
			c.receive(ctx, kind, name, tp)
		})
		return func() {
			leave()
			c.work.Go(func() {
				<-done
				c.topics.Locked(func() {
					if c.receiving[key] == done {
						delete(c.receiving, key)
					}
				})
			})
		}
	})
}

// receive delivers messages, whichever connection there is, until ctx ends.
func (c *Client) receive(ctx context.Context, kind Kind, name string, tp *topic) {
	c.use(1)
	defer c.use(-1)
	for ctx.Err() == nil {
		if conn, _ := c.connected(ctx); conn != nil {
			within, leave := context.WithCancel(ctx)
			kept := context.AfterFunc(conn.ctx, leave)
			began := rueidis.WithOnSubscriptionHook(within, func(s rueidis.PubSubSubscription) {
				if strings.HasSuffix(s.Kind, "subscribe") && !strings.Contains(s.Kind, "unsub") {
					tp.Deliver(nil)
				}
			})
			command := conn.B().Subscribe().Channel(name).Build()
			switch {
			case kind == Pattern:
				command = conn.B().Psubscribe().Pattern(name).Build()
			case kind == Sharded && conn.Mode() == rueidis.ClientModeCluster:
				command = conn.B().Ssubscribe().Channel(name).Build()
			}
			_ = conn.Receive(began, command, func(m rueidis.PubSubMessage) { tp.Deliver(&m) })
			tp.Away()
			kept()
			leave()
			if conn.ctx.Err() != nil {
				conn.Close() // it may have connected for this once more, while it was closed
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryConnect):
		}
	}
}
