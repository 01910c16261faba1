package mirror

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// Body is the body of a request that is copied while whoever gets the request reads
// it. The copy is sent when all of it has been read. One goroutine at a time may read it;
// Abandon may be called by another.
type Body struct {
	io.ReadCloser
	length int64         // as the request says; negative: unknown
	pace   *reqbody.Pace // what is slower is not copied; nil: any is

	mu    sync.Mutex
	copy  *Copy // nil: sent or dropped
	kept  bytes.Buffer
	limit int64
}

// NewBody returns body, of as many bytes as length says, negative where that is not known, which is
// copied where it is no longer than limit. It must be abandoned when the request has ended.
func NewBody(body io.ReadCloser, length int64, c *Copy, limit int64) *Body {
	return &Body{ReadCloser: body, length: length, copy: c, limit: limit}
}

// Hasten has the copy given up where the client is slower than rate bytes per second, once it has
// been waited for as long as grace.
func (b *Body) Hasten(rate int64, grace time.Duration) {
	b.pace = &reqbody.Pace{Clock: b.copy.Set.Clock, Rate: rate, Grace: grace, Left: grace, Expire: b.tooSlow}
}

func (b *Body) Read(p []byte) (int, error) {
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
	case !b.copy.Set.grow(n):
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
func (b *Body) copies() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.copy != nil
}

// tooSlow gives up the copy, so that clients that are slow do not keep its place from
// others. Their requests go on.
func (b *Body) tooSlow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copy != nil {
		b.drop(reqbody.ErrSlow.Error())
	}
}

// drop gives up the copy. Its lock is held.
func (b *Body) drop(why string) {
	b.copy.drop(b.kept.Len(), why)
	b.copy, b.kept = nil, bytes.Buffer{}
}

// Abandon is told that the request has ended.
func (b *Body) Abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copy != nil {
		b.drop("nobody has read the body to its end")
	}
}
