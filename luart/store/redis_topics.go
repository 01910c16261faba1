package store

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/caddy-rover/rover/luart/redis"
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
	return r.client.Subscribe(redis.Sharded, r.o.Prefix+"t:"+name, func(m *rueidis.PubSubMessage) {
		if m == nil {
			deliver(nil)
		} else {
			deliver([]byte(m.Message))
		}
	})
}
