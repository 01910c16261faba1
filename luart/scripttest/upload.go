package scripttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// upload is the body of a request that the client sends in pieces, with time between them. Any
// goroutine may call its methods.
type upload struct {
	ctx   context.Context // of the request
	clock *clock.Clock

	mu     sync.Mutex // guards the rest
	pieces []any      // a string is sent, a time.Duration passes
	err    error      // why it is not read any more; nil: it is
	ended  chan struct{}
}

// newUpload makes a body of a list of strings and numbers, which are seconds. length is that of all.
func newUpload(ctx context.Context, c *clock.Clock, list []any) (u *upload, length int64, err error) {
	u = &upload{ctx: ctx, clock: c, ended: make(chan struct{})}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			length += int64(len(v))
			u.pieces = append(u.pieces, v)
		case float64:
			if !(v >= 0 && v <= maxTimeout.Seconds()) {
				return nil, 0, fmt.Errorf("body: seconds from 0 to %.0f expected, got %g", maxTimeout.Seconds(), v)
			}
			u.pieces = append(u.pieces, time.Duration(v*float64(time.Second)))
		default:
			return nil, 0, errors.New("body: a string, or a list of strings and seconds, expected")
		}
	}
	return u, length, nil
}

// Read implements io.Reader. A client that leaves has not sent the rest.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for {
		switch {
		case u.err != nil:
			return 0, u.err
		case u.ctx.Err() != nil:
			return 0, io.ErrUnexpectedEOF
		case len(u.pieces) == 0:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		switch piece := u.pieces[0].(type) {
		case string:
			n := copy(p, piece)
			if u.pieces[0] = piece[n:]; n == len(piece) {
				u.pieces = u.pieces[1:]
			}
			if n > 0 {
				return n, nil
			}
		case time.Duration:
			u.pieces = u.pieces[1:]
			u.mu.Unlock()
			w := u.clock.Wait(piece, func() bool { return isClosed(u.ended) || u.ctx.Err() != nil })
			select {
			case <-w.Over():
			case <-u.ended:
			case <-u.ctx.Done():
			}
			w.End()
			u.mu.Lock()
		}
	}
}

// Close implements io.Closer.
func (u *upload) Close() error {
	u.cut(errors.New("the body of the request is closed"))
	return nil
}

// cut ends the reading.
func (u *upload) cut(why error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = why
		close(u.ended)
	}
}
