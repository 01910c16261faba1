package reqbody

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// ErrSlow ends the request of a client that sends its body too slowly.
var ErrSlow = errors.New("the request body came more slowly than body_min_rate")

// Sender is the client of a request as the one who sends its body. It outlives the request: a
// transport may be reading the body when the request's goroutine has returned.
type Sender struct {
	pace Pace
	slow atomic.Bool // it was too slow: its body is not read any more

	mu   sync.Mutex
	over bool                // the request has ended: w must not be touched
	w    http.ResponseWriter // reads the body's deadline is set on
}

// NewSender returns the client that w answers, as one that must send rate bytes per second, once
// it has been waited for as long as grace.
func NewSender(w http.ResponseWriter, c *clock.Clock, rate int64, grace time.Duration) *Sender {
	s := &Sender{w: w}
	s.pace = Pace{Clock: c, Rate: rate, Grace: grace, Left: grace, Expire: s.cut}
	return s
}

// cut ends the reading of the body. Any goroutine may call it.
func (s *Sender) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.slow.Store(true)
		_ = http.NewResponseController(s.w).SetReadDeadline(time.Unix(1, 0))
	}
}

// WasSlow reports whether the client was too slow; that nobody has waited for, which nil is, was
// not. Any goroutine may call it.
func (s *Sender) WasSlow() bool { return s != nil && s.slow.Load() }

// Release is told that the request is over. It returns when the writer is not touched any more. nil
// is for a request whose body nobody has read. Any goroutine may call it.
func (s *Sender) Release() {
	if s != nil {
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
	}
}

// Paced returns body, which the client sends, as one that must not come too slowly.
func (s *Sender) Paced(body io.ReadCloser) io.ReadCloser { return &paced{body, s} }

type paced struct {
	io.ReadCloser
	s *Sender
}

func (b *paced) Read(p []byte) (int, error) {
	if b.s.slow.Load() {
		return 0, &Error{Status: http.StatusRequestTimeout, Text: ErrSlow.Error()}
	}
	n, err := b.s.pace.Read(b.ReadCloser, p)
	if err != nil && b.s.slow.Load() {
		err = &Error{Status: http.StatusRequestTimeout, Text: ErrSlow.Error()}
	}
	return n, err
}
