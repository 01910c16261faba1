package scripttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// way is where one request of a test has been.
type way struct {
	mu        sync.Mutex
	upstream  string   // it went there last; "": nowhere
	upstreams []string // that the script gave to ctx:upstream, for the next handler
}

type wayKey struct{}

// client is one that has sent a request.
type client struct {
	e      *env
	r      *http.Request
	w      *recorder
	on     *way
	cancel context.CancelFunc // ends the request
}

// maxTimeout of a request is as long as anything in a script may wait.
const maxTimeout = 24 * time.Hour

// newClient makes a client of the options of rover.test.request. ctx is what the request ends with.
// bitwise says that the client reads the response while that comes.
func (e *env) newClient(ctx context.Context, options map[string]any, bitwise bool) (*client, error) {
	timeout, limited := options["timeout"]
	seconds, _ := timeout.(float64)
	if limited && !(seconds > 0 && seconds <= maxTimeout.Seconds()) {
		return nil, fmt.Errorf("option timeout: seconds above 0, up to %.0f, expected", maxTimeout.Seconds())
	}
	ctx, cancel := context.WithCancel(ctx)
	r, err := newRequest(ctx, e.clock, options)
	if err != nil {
		cancel()
		return nil, err
	}
	c := &client{e: e, on: &way{}, cancel: cancel}
	c.r = r.WithContext(context.WithValue(ctx, wayKey{}, c.on))
	c.w = newRecorder(c.r)
	if bitwise {
		c.w.clock = e.clock
	}
	if limited {
		d := time.Duration(seconds * float64(time.Second))
		timer := e.clock.AfterFunc(d, func() { c.leave(fmt.Errorf("the client left after %gs", seconds)) })
		context.AfterFunc(ctx, func() { timer.Stop() })
	}
	return c, nil
}

// leave has the client leave, if it is still there. Any goroutine may call it.
func (c *client) leave(why error) {
	c.w.leave(why)
	c.cancel()
}

// serve has the request answered.
func (c *client) serve() {
	defer c.cancel()
	err, status := c.e.serve(c.w, c.r), 0
	if err != nil {
		status = c.e.app.ErrorStatus(err)
	}
	c.w.finish(err, status)
}

// response returns what has come of the response, but for what of its body has been read.
func (c *client) response() map[string]any {
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	headers := make(map[string]any, len(w.sent))
	for name, values := range w.sent {
		headers[strings.ToLower(name)] = anys(values)
	}
	res := map[string]any{"headers": headers, "body": string(w.body)}
	if w.status != 0 {
		res["status"] = w.status
	}
	if w.err != nil {
		res["error"] = w.err.Error()
	}
	if w.left {
		res["aborted"] = true
	}
	c.on.mu.Lock()
	defer c.on.mu.Unlock()
	if c.on.upstream != "" {
		res["upstream"] = c.on.upstream
	}
	if c.on.upstreams != nil {
		res["upstreams"] = anys(c.on.upstreams)
	}
	return res
}

// request is rover.test.get and its kin: args[0] has the options. It returns the whole response.
func (e *env) request(ctx context.Context, args []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	options, _ := args[0].(map[string]any)
	c, err := e.newClient(ctx, options, false)
	if err != nil {
		return nil, err
	}
	c.serve()
	if ctx.Err() != nil {
		e.noteEndless(c)
		return nil, context.Cause(ctx)
	}
	return []any{c.response()}, nil
}

// noteEndless remembers a request whose response had begun when the test had to end.
func (e *env) noteEndless(c *client) {
	c.w.mu.Lock()
	begun := c.w.length > 0
	c.w.mu.Unlock()
	if begun {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.endless = c.r.Method + " " + c.r.RequestURI
	}
}

// openStream is request for a client that reads the response while it comes: it returns the head, and
// a number for readStream and leaveStream.
func (e *env) openStream(ctx context.Context, args []any) ([]any, error) {
	if e.app == nil {
		return nil, errNoTest
	}
	options, _ := args[0].(map[string]any)
	c, err := e.newClient(e.ctx, options, true)
	if err != nil {
		return nil, err
	}
	e.clock.Begin(1)
	e.streaming.Go(func() {
		defer e.clock.End()
		c.serve()
	})
	c.w.mu.Lock()
	c.w.await(ctx, func() bool { return c.w.status != 0 || c.w.over || c.w.left })
	c.w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e.mu.Lock()
	e.streams = append(e.streams, c)
	n := len(e.streams)
	e.mu.Unlock()
	res := c.response()
	res["body"] = "" // it is read
	return []any{res, n}, nil
}

// stream returns what openStream has begun. Its number is args[0].
func (e *env) stream(args []any) *client {
	n, _ := args[0].(float64)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.streams[int(n)-1]
}

// readStream returns the next piece of a body, or nil at its end.
func (e *env) readStream(ctx context.Context, args []any) ([]any, error) {
	text, ok := e.stream(args).w.read(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !ok:
		return []any{nil}, nil
	}
	return []any{text}, nil
}

// leaveStream has the client leave, waits for the handler to end, and returns the response.
func (e *env) leaveStream(ctx context.Context, args []any) ([]any, error) {
	c := e.stream(args)
	c.leave(errors.New("the client left"))
	c.w.mu.Lock()
	c.w.await(ctx, func() bool { return c.w.over })
	c.w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return []any{c.response()}, nil
}
