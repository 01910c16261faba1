package store

import (
	"context"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Publish implements Store.
func (r *Redis) Publish(ctx context.Context, topic string, message []byte) error {
	if err := checkValue(message); err != nil {
		return err
	}
	return r.do(ctx, func(ctx context.Context, c rueidis.Client) error {
		channel, text := r.o.Prefix+"t:"+topic, rueidis.BinaryString(message)
		if c.Mode() == rueidis.ClientModeCluster { // there a message goes to the shard of its topic only
			return c.Do(ctx, c.B().Spublish().Channel(channel).Message(text).Build()).Error()
		}
		return c.Do(ctx, c.B().Publish().Channel(channel).Message(text).Build()).Error()
	})
}

// Subscribe implements Store.
func (r *Redis) Subscribe(name string, deliver func(message []byte)) (cancel func()) {
	return r.topics.add(name, deliver, func(tp *topic) func() { // one at a time
		before := r.receiving[name]
		ctx, leave := context.WithCancel(r.ctx)
		done := make(chan struct{})
		r.receiving[name] = done
		r.work.Go(func() {
			defer close(done)
			if before != nil { // the client does not tell two who receive the same apart
				<-before
			}
			r.receive(ctx, r.o.Prefix+"t:"+name, tp)
		})
		return func() {
			leave()
			r.work.Go(func() {
				<-done
				r.topics.mu.Lock()
				defer r.topics.mu.Unlock()
				if r.receiving[name] == done {
					delete(r.receiving, name)
				}
			})
		}
	})
}

// receive delivers the messages of a channel, whichever connection there is, until ctx ends.
func (r *Redis) receive(ctx context.Context, channel string, tp *topic) {
	for ctx.Err() == nil {
		if conn := r.conn.Load(); conn != nil {
			began := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
				if strings.HasSuffix(s.Kind, "subscribe") && !strings.Contains(s.Kind, "unsub") {
					tp.deliver(nil)
				}
			})
			command := conn.B().Subscribe().Channel(channel).Build()
			if conn.Mode() == rueidis.ClientModeCluster {
				command = conn.B().Ssubscribe().Channel(channel).Build()
			}
			_ = conn.Receive(began, command, func(m rueidis.PubSubMessage) {
				tp.deliver([]byte(m.Message))
			})
			tp.away()
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryConnect):
		}
	}
}
