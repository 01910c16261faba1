package reqbody

import (
	"io"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// Pace bounds how long a client may keep a reader of its body waiting. What it may is in
// left: each wait takes from it, each byte gives a little back. Only time in Read counts, so
// that a client is not to blame for a reader that is slow itself.
type Pace struct {
	Clock  *clock.Clock
	Rate   int64         // bytes per second
	Grace  time.Duration // the most that left can be
	Left   time.Duration // the reader's
	Expire func()        // called once left is used up, during a Read, by another goroutine
}

// Read reads from r. One goroutine at a time may call it.
func (p *Pace) Read(r io.Reader, buf []byte) (int, error) {
	ran := make(chan struct{})
	began := p.Clock.Now()
	t := p.Clock.AfterFunc(p.Left, func() {
		defer close(ran)
		p.Expire()
	})
	n, err := r.Read(buf)
	if !t.Stop() {
		<-ran // as onEnd
	}
	// As a float: many bytes at a low rate are more nanoseconds than there are.
	earned := time.Duration(min(float64(n)/float64(p.Rate)*float64(time.Second), float64(p.Grace)))
	p.Left = min(max(p.Left-p.Clock.Since(began), 0)+earned, p.Grace)
	return n, err
}
