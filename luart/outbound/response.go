package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-rover/rover/luart/resilience"
)

// Request is what to send. A client does not change it.
type Request struct {
	Method    string
	URL       *url.URL    // http or https, with a host
	Header    http.Header // a Host in it replaces the URL's
	Body      string
	Redirects int           // how many to follow; 0: a redirect is the response
	MaxBody   int64         // bytes of the response's body; 0: no limit
	Timeout   time.Duration // see Fetch and Start; 0: none but the context's

	Retry   *resilience.Policy   // when it is made again; nil: never
	Breaker *resilience.Settings // that of the host is asked; nil: none is
}

// Response is what came back, and its body as it comes, decompressed.
type Response struct {
	Status int
	Header http.Header
	URL    *url.URL // of the last request, after redirects; without user and password

	c       *Client
	body    io.ReadCloser
	ctx     context.Context // of the body
	cancel  context.CancelCauseFunc
	timeout time.Duration
	size    int64 // of the body; -1: not known
	max     int64 // 0: no limit
	read    int64
}

// maxGrow bytes are set aside for a body because its response says that it is so long.
const maxGrow = 1 << 20

// Fetch sends a request and reads the whole body of the response, all within Timeout.
// The response is closed then. Any goroutine may call it.
func (c *Client) Fetch(ctx context.Context, req *Request) (*Response, []byte, error) {
	ctx, cancel := c.timeout(ctx, req.Timeout)
	defer cancel()
	var body []byte
	r, err := c.attempts(ctx, req, func(ctx context.Context, at *attempt) (r *Response, err error) {
		r, body, err = c.fetch(ctx, req, at)
		return r, err
	})
	return r, body, c.count(err)
}

// fetch is one attempt of Fetch.
func (c *Client) fetch(ctx context.Context, req *Request, at *attempt) (*Response, []byte, error) {
	r, err := c.start(ctx, req, at)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	defer r.bind(ctx)()
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.size, 0), maxGrow)) + bytes.MinRead)
	if _, err := buf.ReadFrom(readerOf(func(p []byte) (int, error) { return r.next(ctx, p) })); err != nil {
		return nil, nil, err
	}
	return r, buf.Bytes(), nil
}

// Start sends a request and returns when the head of the response is there, which must
// come within Timeout; so must every later Read. ctx is about the start alone: the
// response lives until Close. Any goroutine may call it.
func (c *Client) Start(ctx context.Context, req *Request) (*Response, error) {
	ctx, cancel := c.timeout(ctx, req.Timeout)
	defer cancel()
	r, err := c.attempts(ctx, req, func(ctx context.Context, at *attempt) (*Response, error) { return c.start(ctx, req, at) })
	return r, c.count(err)
}

// Read reads what is there of the body, waiting for at least a byte. It returns io.EOF
// at the end. After another error, or when ctx ends first, the response is of no more
// use. Not safe for concurrent use, except with Close.
func (r *Response) Read(ctx context.Context, p []byte) (int, error) {
	ctx, cancel := r.c.timeout(ctx, r.timeout)
	defer cancel()
	defer r.bind(ctx)()
	n, err := r.next(ctx, p)
	return n, r.c.count(err) // which knows no io.EOF
}

// Close ends the response; a Read under way fails. It may be called again. Any goroutine
// may call it.
func (r *Response) Close() {
	r.cancel(errClosed) // first: closing a body would otherwise wait for a stuck HTTP/2 connection
	_ = r.body.Close()
	r.c.settle()
}

// start is one attempt of Start within ctx, without counting failures.
func (c *Client) start(ctx context.Context, req *Request, at *attempt) (*Response, error) {
	at.c, at.req, at.ctx = c, req, ctx
	r := &Response{c: c, timeout: req.Timeout, max: req.MaxBody}
	r.ctx, r.cancel = context.WithCancelCause(c.ctx)
	unbind := r.bind(ctx)
	defer unbind()
	hctx := r.ctx
	if c.fakeNetwork != nil {
		hctx = ctx // what it answers is there then, and ctx ends without another goroutine
	}
	hr, err := http.NewRequestWithContext(hctx, req.Method, req.URL.String(), strings.NewReader(req.Body))
	if err != nil {
		return nil, failure(ctx, err)
	}
	hr.Header = req.Header.Clone()
	if hr.Header == nil {
		hr.Header = http.Header{}
	}
	if host := hr.Header.Get("Host"); host != "" {
		hr.Host = host
		hr.Header.Del("Host")
	}
	hc := http.Client{Transport: at, CheckRedirect: checkRedirect(req.Redirects)}
	resp, err := hc.Do(hr)
	if err != nil {
		defer r.cancel(nil)
		if c.ctx.Err() != nil {
			return nil, &Error{StepCancelled, context.Cause(c.ctx)}
		}
		return nil, failure(ctx, err)
	}
	r.Status, r.Header, r.body = resp.StatusCode, resp.Header, resp.Body
	u := *resp.Request.URL
	u.User = nil
	r.URL = &u
	if r.size = resp.ContentLength; resp.Body == http.NoBody {
		r.size = 0 // the length in the response to a HEAD is another's
	}
	if r.max > 0 && r.size > r.max {
		r.Close()
		return nil, r.tooLarge()
	}
	if ctx.Err() != nil { // just now; the body has ended with it
		r.Close()
		return nil, failure(ctx, ctx.Err())
	}
	return r, nil
}

// next reads from the body within ctx, which the response is bound to.
func (r *Response) next(ctx context.Context, p []byte) (int, error) {
	if r.max > 0 { // one byte more shows that there is more
		p = p[:min(int64(len(p)), r.max-r.read+1)]
	}
	n, err := r.body.Read(p)
	r.read += int64(n)
	switch {
	case r.max > 0 && r.read > r.max:
		r.Close()
		return 0, r.tooLarge()
	case n > 0 || err == nil:
		return n, nil // an error comes again
	case errors.Is(err, io.EOF):
		return 0, io.EOF
	case r.ctx.Err() != nil && ctx.Err() == nil: // closed, or the client's context ended
		return 0, &Error{StepCancelled, context.Cause(r.ctx)}
	default:
		return 0, failure(ctx, err)
	}
}

func (r *Response) tooLarge() *Error {
	return &Error{StepTooLarge, fmt.Errorf("the body of the response is longer than %d bytes", r.max)}
}

// bind ends the response when ctx ends, until the function it returns is called.
func (r *Response) bind(ctx context.Context) (unbind func()) {
	stop := context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })
	return func() { stop() }
}

// timeout gives ctx a timeout, if there is one.
func (c *Client) timeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return c.within(ctx, timeout, &slowError{"the request", timeout})
}

// count counts a failure and returns it.
func (c *Client) count(err error) error {
	var e *Error
	if errors.As(err, &e) {
		c.counters.failed(e.Step)
	}
	return err
}

type readerOf func([]byte) (int, error)

func (f readerOf) Read(p []byte) (int, error) { return f(p) }
