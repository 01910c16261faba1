package luart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/reqbody"
)

const (
	// maxMirrors copies of requests (ctx:mirror) may be under way at once in a VM, those
	// whose body is still on its way included. A shadow that is slow or down holds each for
	// its timeout; further ones are dropped.
	maxMirrors = 256

	// maxMirrorBytes of bodies may be kept for them.
	maxMirrorBytes = 64 << 20

	mirrorTimeout = 10 * time.Second // default

	// mirrorLogEvery is how often a log line says that copies are lost.
	mirrorLogEvery = 10 * time.Second
)

// mirrors are the copies of requests that a VM sends and whose answers nobody sees. Any
// goroutine may use them.
type mirrors struct {
	answered, failed, dropped atomic.Uint64
	logged                    atomic.Int64 // unix time of the last log line

	mu     sync.Mutex
	closed bool
	open   int
	bytes  int64 // of bodies
	wg     sync.WaitGroup
}

// reserve takes a place for a copy, which give returns, or send.
func (m *mirrors) reserve() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.open >= maxMirrors {
		return false
	}
	m.open++
	m.wg.Add(1)
	return true
}

// grow takes n bytes more for the body of a copy.
func (m *mirrors) grow(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.bytes+int64(n) > maxMirrorBytes {
		return false
	}
	m.bytes += int64(n)
	return true
}

func (m *mirrors) give(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open--
	m.bytes -= int64(bytes)
	m.wg.Done()
}

// close refuses further copies, and waits for those under way, which the caller has told to
// end.
func (m *mirrors) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.wg.Wait()
}

// mirrorCopy is one copy, with a place among the mirrors until it is sent or dropped.
type mirrorCopy struct {
	vm      *VM
	logger  *zap.Logger
	host    Host
	next    any
	to      *ProxyTo
	r       *http.Request // without its body
	timeout time.Duration
}

// drop gives the place back. why is for the log.
func (c *mirrorCopy) drop(bytes int, why string) {
	c.vm.mirrors.give(bytes)
	c.vm.dropMirror(c.logger, why)
}

// dropMirror counts a copy that is not sent.
func (vm *VM) dropMirror(logger *zap.Logger, why string) {
	n := vm.mirrors.dropped.Add(1)
	if vm.mirrors.mayLog() {
		logger.Warn("copies of requests are dropped (ctx:mirror)", zap.String("reason", why), zap.Uint64("dropped", n))
	}
}

// mayLog reports whether it is time for a further log line.
func (m *mirrors) mayLog() bool {
	now, was := time.Now().Unix(), m.logged.Load()
	return now-was >= int64(mirrorLogEvery.Seconds()) && m.logged.CompareAndSwap(was, now)
}

// send sends the copy with a body on a goroutine of its own, which VM.Close waits for.
func (c *mirrorCopy) send(body []byte) {
	c.vm.clock.Begin(1)
	go func() {
		m := &c.vm.mirrors
		defer m.give(len(body))
		defer c.vm.clock.End()
		ctx, cancel := c.vm.clock.WithTimeout(c.r.Context(), c.timeout, nil)
		defer cancel()
		defer context.AfterFunc(c.vm.stopping, cancel)()
		r := c.r.WithContext(ctx)
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		if len(body) > 0 {
			r.Body = (&reqbody.Spool{Mem: body, Size: r.ContentLength}).Body(nil)
		}
		if err := c.serve(r); err != nil {
			n := m.failed.Add(1)
			if m.mayLog() {
				c.logger.Warn("copies of requests fail (ctx:mirror)",
					zap.String("upstream", c.to.Upstreams[0]), zap.Error(err), zap.Uint64("failed", n))
			}
			return
		}
		m.answered.Add(1)
	}()
}

func (c *mirrorCopy) serve(r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the answer broke off")
			if p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				c.logger.Error("panic in a handler that sent a copy of a request", zap.Any("panic", p), zap.Stack("stack"))
			}
		}
	}()
	return c.host.Serve(c.next, c.to, &nowhere{header: http.Header{}}, r)
}

// nowhere drops a response.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) Flush()                      {}

// mirroredBody is the body of a request that is copied while whoever gets the request reads
// it. The copy is sent when all of it has been read. One goroutine at a time may read it;
// abandon may be called by another.
type mirroredBody struct {
	io.ReadCloser
	length int64         // as the request says; negative: unknown
	pace   *reqbody.Pace // what is slower is not copied; nil: any is

	mu    sync.Mutex
	copy  *mirrorCopy // nil: sent or dropped
	kept  bytes.Buffer
	limit int64
}

func (b *mirroredBody) Read(p []byte) (int, error) {
	read := b.ReadCloser.Read
	if b.pace != nil && b.copies() {
		read = func(p []byte) (int, error) { return b.pace.Read(b.ReadCloser, p) }
	}
	n, err := read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copy == nil {
		return n, err
	}
	switch {
	case int64(b.kept.Len()+n) > b.limit:
		b.drop("the body is longer than max_body")
		return n, err
	case !b.copy.vm.mirrors.grow(n):
		b.drop("too many bytes of bodies are kept")
		return n, err
	}
	b.kept.Write(p[:n])
	switch {
	case err == io.EOF, err == nil && int64(b.kept.Len()) == b.length: //nolint:errorlint // as readers return it
		b.copy.send(b.kept.Bytes())
		b.copy = nil
	case err != nil:
		b.drop("the body broke off")
	}
	return n, err
}

// copies reports whether there is a copy yet.
func (b *mirroredBody) copies() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.copy != nil
}

// tooSlow gives up the copy, so that clients that are slow do not keep its place from
// others. Their requests go on.
func (b *mirroredBody) tooSlow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copy != nil {
		b.drop(reqbody.ErrSlow.Error())
	}
}

// drop gives up the copy. Its lock is held.
func (b *mirroredBody) drop(why string) {
	b.copy.drop(b.kept.Len(), why)
	b.copy, b.kept = nil, bytes.Buffer{}
}

// abandon is told that the request has ended.
func (b *mirroredBody) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copy != nil {
		b.drop("nobody has read the body to its end")
	}
}
