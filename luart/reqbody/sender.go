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

// ErrUnwanted is what who still reads a body gets that nobody wants any more.
var ErrUnwanted = errors.New("the request was answered, and its body is not read any more")

// UnwantedGrace is how long a client may then leave a reader without data: who was cancelled may not
// see before that he was.
const UnwantedGrace = time.Second

// Sender is the client of a request as the one who sends its body. It outlives the request: a
// transport may be reading the body when the request's goroutine has returned.
type Sender struct {
	pace     Pace
	slow     atomic.Bool // it was too slow: its body is not read any more
	unwanted atomic.Bool // nobody wants its body any more
	reading  atomic.Bool // somebody waits for it

	mu     sync.Mutex
	over   bool                // the request has ended: w must not be touched
	w      http.ResponseWriter // reads the body's deadline is set on
	letsGo *time.Timer         // calls abandon; nil: somebody may want the body
}

// NewSender returns the client that w answers, as one that must send rate bytes per second, once
// it has been waited for as long as grace. With 0 it may send at any rate.
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

// LetGo has who still reads the body get an error after UnwantedGrace, unless the request has ended
// by then. Any goroutine may call it; nil is for a request whose body nobody has read.
func (s *Sender) LetGo() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.letsGo == nil && !s.over {
		s.letsGo = time.AfterFunc(UnwantedGrace, s.abandon)
	}
}

// abandon ends the reading of the body. Where nobody reads it there is no deadline: it would be that
// of what net/http reads behind us.
func (s *Sender) abandon() {
	s.unwanted.Store(true) // before it is seen whether somebody reads: who begins to looks at it
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over && s.reading.Load() {
		_ = http.NewResponseController(s.w).SetReadDeadline(time.Unix(1, 0))
	}
}

// WasSlow reports whether the client was too slow; that nobody has waited for, which nil is, was
// not. Any goroutine may call it.
func (s *Sender) WasSlow() bool { return s != nil && s.slow.Load() }

// Release is told that the request is over. It returns when the writer is not touched any more. nil
// is for a request whose body nobody has read. Any goroutine may call it.
func (s *Sender) Release() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.letsGo != nil {
		s.letsGo.Stop()
	}
}

// Paced returns body, which the client sends, as one that must not come too slowly, and that LetGo
// ends. One goroutine at a time may read it.
func (s *Sender) Paced(body io.ReadCloser) io.ReadCloser { return &paced{body, s} }

type paced struct {
	io.ReadCloser
	s *Sender
}

func (b *paced) Read(p []byte) (int, error) {
	if b.s.slow.Load() {
		return 0, &Error{Status: http.StatusRequestTimeout, Text: ErrSlow.Error()}
	}
	b.s.reading.Store(true)
	defer b.s.reading.Store(false)
	if b.s.unwanted.Load() {
		return 0, ErrUnwanted
	}
	if b.s.pace.Rate <= 0 {
		return b.ReadCloser.Read(p)
	}
	n, err := b.s.pace.Read(b.ReadCloser, p)
	if err != nil && b.s.slow.Load() {
		err = &Error{Status: http.StatusRequestTimeout, Text: ErrSlow.Error()}
	}
	return n, err
}
