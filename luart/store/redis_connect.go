package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// keepConnected is the keeper: it connects, and asks a server that does not answer until it does.
func (r *Redis) keepConnected() {
	for first := true; ; first = false {
		client, err := r.connect()
		if err == nil {
			r.up(client)
		} else {
			r.down(err)
		}
		if first {
			close(r.ready)
		}
		if err == nil {
			err = r.watch(client)
			r.down(err)
		}
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(retryConnect):
		}
	}
}

// watch returns when the server does not answer, and why.
func (r *Redis) watch(client rueidis.Client) error {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return errors.New("closed")
		case <-r.lost:
		case <-t.C:
		}
		if err := r.ping(client); err != nil {
			return err
		}
		r.misses.Store(0)
	}
}

func (r *Redis) ping(client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.o.Timeout)
	defer cancel()
	err := client.Do(ctx, client.B().Ping().Build()).Error()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer within %s", r.o.Timeout)
	}
	return err
}

func (r *Redis) connect() (rueidis.Client, error) {
	client, err := rueidis.NewClient(r.client)
	if err != nil {
		return nil, err
	}
	if err := r.ping(client); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

func (r *Redis) up(client rueidis.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.since = nil, time.Now()
	r.misses.Store(0)
	r.conn.Store(&connection{client, make(chan struct{})})
	r.o.Logger.Info("the store is connected", zap.String("address", r.address))
}

func (r *Redis) down(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn := r.conn.Swap(nil)
	if conn != nil {
		r.since = time.Now()
		close(conn.over)
		// Calls that wait for it have their own timeouts; Close may wait for the server.
		r.work.Go(conn.Close)
	}
	if conn != nil || r.err == nil || r.err.Error() != err.Error() {
		r.o.Logger.Warn("the store is down", zap.String("address", r.address), zap.Error(err))
	}
	r.err = err
}

// AwaitFirst waits until the first try to connect is over. Without it the first calls of a process
// may find that the store is down.
func (r *Redis) AwaitFirst(ctx context.Context) {
	select {
	case <-r.ready:
	case <-ctx.Done():
	}
}
