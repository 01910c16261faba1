package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// errIdle ends a connection that nobody uses.
var errIdle = errors.New("nobody has used the connection")

// start has the keeper run, and returns what is closed when its first try to connect is over.
func (c *Client) start() (ready <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.runs {
		c.ready = make(chan struct{})
		if c.ctx.Err() != nil {
			c.err = errors.New("closed")
			close(c.ready)
			return c.ready
		}
		c.runs, c.free = true, context.AfterFunc(c.o.Context, c.cancel)
		first := c.ready
		c.work.Go(func() { c.keep(first) })
	}
	return c.ready
}

// keep is the keeper: it connects, and asks a server that does not answer until it does.
func (c *Client) keep(ready chan struct{}) {
	for first := true; ; first = false {
		client, err := c.connect()
		if err == nil {
			c.up(client)
		} else {
			c.down(err)
		}
		if first {
			close(ready)
		}
		if err == nil {
			err = c.watch(client)
			if errors.Is(err, errIdle) {
				return
			}
			c.down(err)
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(retryConnect):
		}
		if c.rest() {
			return
		}
	}
}

// watch returns when the server does not answer, and why.
func (c *Client) watch(client rueidis.Client) error {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return errors.New("closed")
		case <-c.lost:
		case <-t.C:
		}
		if c.rest() {
			return errIdle
		}
		if err := c.ping(client); err != nil {
			return err
		}
		c.misses.Store(0)
	}
}

// rest closes the connection where nobody has used it for long, and says that the keeper may end.
func (c *Client) rest() bool {
	if c.o.Idle == 0 || time.Since(time.Unix(0, c.used.Load())) < c.o.Idle {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conn.Swap(nil) // who comes now waits in start
	if c.using.Load() > 0 {
		c.conn.Store(conn)
		return false
	}
	if conn != nil {
		conn.giveUp()
		c.work.Go(conn.Close)
	}
	c.runs = false
	c.free() // or the context would keep a client that nobody has
	if c.err == nil {
		c.err, c.since = errIdle, time.Now()
	}
	return true
}

func (c *Client) ping(client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	err := client.Do(ctx, client.B().Ping().Build()).Error()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer within %s", c.o.Timeout)
	}
	return err
}

func (c *Client) connect() (rueidis.Client, error) {
	client, err := rueidis.NewClient(c.option)
	if err != nil {
		return nil, err
	}
	if err := c.ping(client); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

func (c *Client) up(client rueidis.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.since = nil, time.Now()
	c.misses.Store(0)
	conn := &connection{Client: client}
	conn.ctx, conn.giveUp = context.WithCancel(c.ctx)
	c.conn.Store(conn)
	c.o.Logger.Info(c.o.Name+" is connected", zap.String("address", c.address))
}

func (c *Client) down(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conn.Swap(nil)
	if conn != nil {
		c.since = time.Now()
		conn.giveUp()
		// Calls that wait for it have their own timeouts; Close may wait for the server.
		c.work.Go(conn.Close)
	}
	if c.ctx.Err() == nil && (conn != nil || c.err == nil || c.err.Error() != err.Error()) {
		c.o.Logger.Warn(c.o.Name+" is down", zap.String("address", c.address), zap.Error(err))
	}
	c.err = err
}
