package bodyfilter

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// DefaultWindow is how many bytes a match may have if ReplaceOptions does not say.
	DefaultWindow = 64 << 10

	// outBytes are collected before the sink gets them, within one Write.
	outBytes = 32 << 10

	// stepBytes of a Write are looked at before what is decided goes out: no Write makes the buffer larger.
	stepBytes = 16 << 10
)

// ErrSlowPattern says that an expression had to look at the same bytes again and again: a match ended early, for which it had looked far
// ahead, thousands of times. The text so far has been handed on.
var ErrSlowPattern = errors.New("the expression looks too far ahead for this text: make it match less, or the window smaller")

// ReplaceOptions are those of [NewReplacer]. The zero value is useful.
type ReplaceOptions struct {
	Window  int  // bytes that a match may have; 0: DefaultWindow
	Limit   int  // replacements, from the start; 0: all
	Literal bool // $ in the replacement stands for itself, as it does anyway if the pattern is plain text
}

// Replacer replaces all matches of a pattern in a body that comes in pieces. The result does not depend on how it is cut. It is that of
// strings.ReplaceAll, or Regexp.ReplaceAll on the whole body: ^ and $ (without (?m)) are its beginning and its end, \b looks across the
// cuts, an empty match behind another match does not count, $1 and ${name} are groups.
//
// With one exception, since memory is bounded: an expression gives up an attempt when that has taken more than window bytes and is not
// decided. Attempts that began within it and had come to the same point of the expression are given up with it: for them only what comes
// behind would have decided, too. So a match that is longer than the window is not found, and text of which no part longer than the
// window looks like the beginning of a match is treated exactly.
//
// Time is linear in the length of the body, times the size of the expression; ErrSlowPattern bounds how often bytes are looked at again.
// Memory is 2 × window + 64 KiB, some KiB for the expression, and the longest replacement. Not safe for concurrent use; the calls may come
// from different goroutines, one after the other. It needs no Close when it is given up.
type Replacer struct {
	engine engine
	output output
	err    error
}

// engine finds and replaces. Its output takes what is decided.
type engine interface {
	write(p []byte) error
	end() error
}

// NewReplacer returns a replacer of what the pattern matches. The sink gets the result, never nothing at all, before Write returns, as far
// as it is decided. Errors: a window below 1, a limit below 0, plain text that is longer than the window.
func NewReplacer(pattern *Pattern, replacement string, o ReplaceOptions, sink func([]byte) error) (*Replacer, error) {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	switch {
	case o.Window < 1:
		return nil, fmt.Errorf("window of at least 1 byte expected, got %d", o.Window)
	case o.Limit < 0:
		return nil, fmt.Errorf("limit of at least 0 replacements expected, got %d", o.Limit)
	case len(pattern.plain) > o.Window:
		return nil, fmt.Errorf("the pattern has %d bytes, more than the window of %d", len(pattern.plain), o.Window)
	}
	r := &Replacer{output: output{sink: sink, left: o.Limit, bound: o.Limit > 0}}
	if pattern.re == nil {
		r.engine = &plainReplacer{output: &r.output, pattern: pattern, replacement: []byte(replacement)}
	} else {
		r.engine = newRegexpReplacer(&r.output, pattern, replacement, o.Literal || !strings.Contains(replacement, "$"), o.Window)
	}
	return r, nil
}

// Write takes the next piece and hands what is decided to the sink. Errors: the sink's own, [ErrSlowPattern], [ErrClosed]; the first stays.
func (r *Replacer) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 && r.err == nil {
		n := min(stepBytes, len(rest))
		if r.output.finished() {
			n = len(rest)
			r.err = r.output.add(rest)
		} else {
			r.err = r.engine.write(rest[:n])
		}
		rest = rest[n:]
	}
	if r.err == nil {
		r.err = r.output.flush()
	}
	if r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

// Close says that the body is over, and hands the rest to the sink. After an error it returns that, after Close nil.
func (r *Replacer) Close() error {
	if errors.Is(r.err, ErrClosed) {
		return nil
	}
	if r.err == nil && !r.output.finished() {
		r.err = r.engine.end()
	}
	if r.err == nil {
		r.err = r.output.flush()
	}
	if r.err != nil {
		return r.err
	}
	r.err = ErrClosed
	return nil
}

// output collects small pieces for the sink, and counts replacements.
type output struct {
	sink  func([]byte) error
	buf   []byte
	left  int // replacements
	bound bool
}

// finished reports whether nothing more is to be replaced.
func (o *output) finished() bool { return o.bound && o.left == 0 }

// add hands out bytes of the body, or of a replacement, which it does not keep.
func (o *output) add(p []byte) error {
	if len(o.buf)+len(p) <= outBytes {
		o.buf = append(o.buf, p...)
		return nil
	}
	if err := o.flush(); err != nil {
		return err
	}
	if len(p) >= outBytes {
		return o.sink(p)
	}
	o.buf = append(o.buf, p...)
	return nil
}

func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	p := o.buf
	o.buf = o.buf[:0]
	return o.sink(p)
}
