package bodyfilter

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

var (
	// ErrTooLarge is the error of a body that is longer than the limit when it is decoded.
	ErrTooLarge = errors.New("the decoded body is larger than the limit")

	// ErrClosed is the error of a Write after Close or Abort.
	ErrClosed = errors.New("the decoder is closed")
)

// DecodeError says that a body is not what its Content-Encoding says. It wraps io.ErrUnexpectedEOF if the body is cut.
type DecodeError struct {
	Coding string // gzip, deflate, br or zstd
	Err    error
}

func (e *DecodeError) Error() string {
	if errors.Is(e.Err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("decoding %s: the body ends too early: %v", e.Coding, e.Err)
	}
	return fmt.Sprintf("decoding %s: %v", e.Coding, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Decoder undoes content codings as the bytes come. The first error stays: later calls return it, and the sink is not called again.
// Not safe for concurrent use; the calls may come from different goroutines, one after the other.
//
// Its memory is that of the windows (gzip and deflate 32 KiB, zstd at most 8 MiB and br 16 MiB) and some 100 KiB, whatever the length.
type Decoder struct {
	stages []*stage
	sink   func([]byte) error
	left   int64 // bytes that may still come out
	bound  bool  // left counts
	err    error
}

// NewDecoder returns a decoder of what has a Content-Encoding (all fields: see [ContentEncoding]; "" passes through). The sink gets what
// comes out, never nothing at all, in pieces of up to 128 KiB (pass-through: as they came). More than limit bytes are ErrTooLarge, when the
// limit-th has been handed to the sink; 0: no limit. Errors: a coding is not known, or there are too many. Close or Abort must be called,
// also when the sink panics, unless a call has returned an error.
func NewDecoder(contentEncoding string, limit int64, sink func([]byte) error) (*Decoder, error) {
	list, err := parseCodings(contentEncoding)
	if err != nil {
		return nil, err
	}
	d := &Decoder{sink: sink, left: limit, bound: limit > 0}
	for i := len(list) - 1; i >= 0; i-- { // the last one applied is undone first
		d.stages = append(d.stages, &stage{coding: list[i]})
	}
	return d, nil
}

// Write decodes p and hands what is ready to the sink. Errors: a *[DecodeError], [ErrTooLarge], the sink's own, [ErrClosed]. The count is
// of no use after an error.
func (d *Decoder) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := d.push(0, p); err != nil {
		return 0, d.fail(err)
	}
	return len(p), nil
}

// Close says that the body is over, hands the rest to the sink, and returns an error if something is missing (a *[DecodeError] which wraps
// io.ErrUnexpectedEOF) or left over. After an error it returns that, after Close or Abort nil.
func (d *Decoder) Close() error {
	if d.err != nil {
		if errors.Is(d.err, ErrClosed) {
			return nil
		}
		return d.err
	}
	for i, s := range d.stages {
		s.in.ended = true
		if err := d.run(i); err != nil {
			return d.fail(err)
		}
	}
	_ = d.fail(ErrClosed)
	return nil
}

// Abort gives up: nothing more goes to the sink. It may be called at any time and often, also by the sink: defer it.
func (d *Decoder) Abort() {
	if d.err == nil {
		_ = d.fail(ErrClosed)
	} else {
		d.stop() // the sink may have panicked meanwhile
	}
}

// fail ends the decoder with an error. An earlier one stays.
func (d *Decoder) fail(err error) error {
	if d.err == nil {
		d.err = err
	}
	d.stop()
	return d.err
}

func (d *Decoder) stop() {
	for _, s := range d.stages {
		s.abort()
	}
}

// push gives p to a stage, or to the sink behind the last.
func (d *Decoder) push(i int, p []byte) error {
	if i < len(d.stages) {
		d.stages[i].in.data = p
		return d.run(i)
	}
	over := d.bound && int64(len(p)) > d.left
	if over {
		p = p[:d.left]
	}
	d.left -= int64(len(p))
	if len(p) > 0 {
		if err := d.sink(p); err != nil {
			return err
		}
	}
	if over {
		return ErrTooLarge
	}
	return d.err // of an Abort by the sink
}

// run lets a stage take its input and passes on what it yields.
func (d *Decoder) run(i int) error {
	s := d.stages[i]
	for {
		out, more := s.resume()
		switch {
		case d.err != nil:
			return d.err
		case !more && s.err != nil:
			return &DecodeError{s.coding, s.err}
		case len(out) == 0: // it wants more input, or it is done
			return nil
		}
		if err := d.push(i+1, out); err != nil {
			return err
		}
	}
}

// stage undoes one coding. The libraries that do so read from an io.Reader: they run as a coroutine, which yields when it wants input that
// is not there yet, and each piece of output. So it runs on a goroutine of its own, but only while resume or abort waits for it.
type stage struct {
	coding string
	in     input
	next   func() ([]byte, bool)
	stop   func()
	err    error // why it ended; read it when it has
}

// resume runs the coroutine until it yields output, wants more input (nil, true) or has ended (nil, false).
func (s *stage) resume() ([]byte, bool) {
	if s.next == nil {
		if len(s.in.data) == 0 {
			return nil, false // an empty body, in any coding
		}
		s.next, s.stop = iter.Pull(func(yield func([]byte) bool) {
			s.in.yield = yield
			s.err = decoders[s.coding](&s.in)
			if errors.Is(s.err, io.EOF) {
				s.err = io.ErrUnexpectedEOF // EOF between two fields
			} else if s.err == nil && len(s.in.data) > 0 {
				s.err = errTrailing
			}
		})
	}
	return s.next()
}

// abort ends the coroutine and waits for it.
func (s *stage) abort() {
	if s.stop != nil {
		s.stop()
	}
	s.in.data = nil
}

var errAborted = errors.New("the decoder was aborted")

// input is what a stage's coroutine reads from and writes to.
type input struct {
	data  []byte // the current piece: the caller's
	ended bool   // nothing comes after it
	yield func([]byte) bool
	gone  bool // yield said that it is over
}

// Read returns what is there, or waits for the next piece.
func (in *input) Read(p []byte) (int, error) {
	for len(in.data) == 0 {
		if in.ended {
			return 0, io.EOF
		}
		if err := in.give(nil); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.data)
	in.data = in.data[n:]
	return n, nil
}

// Write hands out decoded bytes.
func (in *input) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := in.give(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (in *input) give(p []byte) error {
	if in.gone || !in.yield(p) {
		in.gone = true
		return errAborted
	}
	return nil
}
