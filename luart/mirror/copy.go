package mirror

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// Copy is one copy, with a place in its set until it is sent or dropped.
type Copy struct {
	Set      *Set
	Logger   *zap.Logger
	Request  *http.Request // without its body: see Clone
	Timeout  time.Duration
	Upstream string // for the log
	// Serve hands the request over to the upstream.
	Serve func(w http.ResponseWriter, r *http.Request) error
}

// Clone returns r for a copy: without its body, and without its end.
func Clone(r *http.Request) *http.Request {
	c := r.Clone(context.WithoutCancel(r.Context()))
	c.Body, c.TransferEncoding, c.Trailer = http.NoBody, nil, nil
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Trailer", "Expect"} {
		delete(c.Header, name)
	}
	return c
}

// drop gives the place back, and what the bytes of a body took. why is for the log.
func (c *Copy) drop(bytes int, why string) {
	c.Set.give(bytes)
	c.Set.Drop(c.Logger, why)
}

// Send sends the copy with a body, and reports whether there is room for that. It is dropped if there
// is none.
func (c *Copy) Send(body []byte) bool {
	if len(body) > 0 && !c.Set.grow(len(body)) {
		c.drop(0, "too many bytes of bodies are kept")
		return false
	}
	c.send(body)
	return true
}

// send sends the copy on a goroutine of its own, which Close of the set waits for.
func (c *Copy) send(body []byte) {
	c.Set.Clock.Begin(1)
	go func() {
		s := c.Set
		defer s.give(len(body))
		defer s.Clock.End()
		ctx, cancel := s.Clock.WithTimeout(c.Request.Context(), c.Timeout, nil)
		defer cancel()
		defer context.AfterFunc(s.Stopping, cancel)()
		r := c.Request.WithContext(ctx)
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		if len(body) > 0 {
			r.Body = (&reqbody.Spool{Mem: body, Size: r.ContentLength}).Body(nil)
		}
		if err := c.serve(r); err != nil {
			n := s.Failed.Add(1)
			if s.mayLog() {
				c.Logger.Warn("copies of requests fail (ctx:mirror)",
					zap.String("upstream", c.Upstream), zap.Error(err), zap.Uint64("failed", n))
			}
			return
		}
		s.Answered.Add(1)
	}()
}

func (c *Copy) serve(r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the answer broke off")
			if p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				c.Logger.Error("panic in a handler that sent a copy of a request", zap.Any("panic", p), zap.Stack("stack"))
			}
		}
	}()
	return c.Serve(Nowhere(), r)
}

// Nowhere returns a writer that drops a response.
func Nowhere() http.ResponseWriter { return &nowhere{header: http.Header{}} }

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) Flush()                      {}
