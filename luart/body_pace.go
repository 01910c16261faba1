package luart

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// bodyGrace is how long a client may leave a reader of its request's body without data, in
// all, before what it has sent at body_min_rate makes up for it.
const bodyGrace = 10 * time.Second

// errSlowBody ends the request of a client that sends its body too slowly.
var errSlowBody = errors.New("the request body came more slowly than body_min_rate")

// sender is the client of a request as the one who sends its body. It outlives the exchange:
// a transport may be reading the body when the request's goroutine has returned.
type sender struct {
	pace reqbody.Pace
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

// releaseWriter is told that the exchange is over. It returns when w is not touched any more. nil
// is for a request whose body nobody has read. Any goroutine may call it.
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
		return 0, &reqbody.Error{Status: http.StatusRequestTimeout, Text: errSlowBody.Error()}
	}
	n, err := b.s.pace.Read(b.ReadCloser, p)
	if err != nil && b.s.slow.Load() {
		err = &reqbody.Error{Status: http.StatusRequestTimeout, Text: errSlowBody.Error()}
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
		s.pace = reqbody.Pace{Clock: vm.clock, Rate: rate, Grace: vm.bodyGrace, Left: vm.bodyGrace, Expire: s.cut}
		x.upload.sender = s
	}
	return &paced{body, x.upload.sender}
}
