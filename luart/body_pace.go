package luart

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// bodyGrace is how long a client may leave a reader of its request's body without data, in
// all, before what it has sent at body_min_rate makes up for it.
const bodyGrace = 10 * time.Second

// errSlowBody ends the request of a client that sends its body too slowly.
var errSlowBody = errors.New("the request body came more slowly than body_min_rate")

// bodyPace bounds how long a client may keep a reader of its body waiting. What it may is in
// left: each wait takes from it, each byte gives a little back. Only time in Read counts, so
// that a client is not to blame for a reader that is slow itself.
type bodyPace struct {
	clock  *clock.Clock
	rate   int64         // bytes per second
	grace  time.Duration // the most that left can be
	left   time.Duration // the reader's
	expire func()        // called once left is used up, during a Read, by another goroutine
}

// read reads from r. One goroutine at a time may call it.
func (p *bodyPace) read(r io.Reader, buf []byte) (int, error) {
	ran := make(chan struct{})
	began := p.clock.Now()
	t := p.clock.AfterFunc(p.left, func() {
		defer close(ran)
		p.expire()
	})
	n, err := r.Read(buf)
	if !t.Stop() {
		<-ran // as onEnd
	}
	// As a float: many bytes at a low rate are more nanoseconds than there are.
	earned := time.Duration(min(float64(n)/float64(p.rate)*float64(time.Second), float64(p.grace)))
	p.left = min(max(p.left-p.clock.Since(began), 0)+earned, p.grace)
	return n, err
}

// sender is the client of a request as the one who sends its body. It outlives the exchange:
// a transport may be reading the body when the request's goroutine has returned.
type sender struct {
	pace bodyPace
	slow atomic.Bool // it was too slow: its body is not read any more

	mu   sync.Mutex
	over bool                // the exchange has ended: w must not be touched
	w    http.ResponseWriter // reads the body's deadline is set on
}

// cut ends the reading of the body. Any goroutine may call it.
func (s *sender) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.slow.Store(true)
		_ = http.NewResponseController(s.w).SetReadDeadline(time.Unix(1, 0))
	}
}

// releaseWriter is told that the exchange is over. It returns when w is not touched any more. nil is
// for a request whose body nobody has read. Any goroutine may call it.
func (s *sender) releaseWriter() {
	if s != nil {
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
	}
}

// paced is the request's body for a reader that Lua waits for.
type paced struct {
	io.ReadCloser
	s *sender
}

func (b *paced) Read(p []byte) (int, error) {
	if b.s.slow.Load() {
		return 0, &bodyError{http.StatusRequestTimeout, errSlowBody.Error()}
	}
	n, err := b.s.pace.read(b.ReadCloser, p)
	if err != nil && b.s.slow.Load() {
		err = &bodyError{http.StatusRequestTimeout, errSlowBody.Error()}
	}
	return n, err
}

// paced returns body, the request's, as one that must not come too slowly. Only the holder
// may call it.
func (x *Exchange) paced(body io.ReadCloser) io.ReadCloser {
	rate := x.gen.bodyMinRate
	if rate <= 0 {
		return body
	}
	if x.upload.sender == nil {
		vm := x.gen.vm
		s := &sender{w: x.w}
		s.pace = bodyPace{clock: vm.clock, rate: rate, grace: vm.bodyGrace, left: vm.bodyGrace, expire: s.cut}
		x.upload.sender = s
	}
	return &paced{body, x.upload.sender}
}
