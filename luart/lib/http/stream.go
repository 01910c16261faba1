package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/outbound"
)

const (
	// streamReadBytes are read at most while the hold is given up: what a connection has
	// ready, and little enough for ten thousand streams.
	streamReadBytes = 64 << 10

	DefaultLineBytes = 1 << 20
)

// stream is a body read piece by piece. It is the holder's.
type stream struct {
	vm      lib.VM
	owner   lib.Caller // closes it at its end
	host    string
	resp    *outbound.Response // nil: what is left is in buf
	buf     bytes.Buffer       // read, not handed out
	limit   int64              // bytes that rest returns
	eof     bool               // buf is all that is left
	closed  bool
	reading bool // a read is under way
}

var errStreamClosed = &outbound.Error{Step: outbound.StepCancelled, Err: errors.New("the response was closed")}

// fill reads more into buf, or finds the end. It raises when it cannot. Only the holder
// may call it.
func (s *stream) fill(L *lua.LState) {
	s.buf.Grow(streamReadBytes)
	p := s.buf.AvailableBuffer()[:streamReadBytes]
	var n int
	var err error
	s.reading = true
	defer func() { s.reading = false }()
	s.vm.Caller().Await(L, lib.WaitsOn{What: "rover.http stream", Which: s.host}, func(ctx context.Context) { n, err = s.resp.Read(ctx, p) })
	s.buf.Write(p[:n])
	switch {
	case s.closed: // by another function, meanwhile
		s.fail(L, errStreamClosed)
	case errors.Is(err, io.EOF):
		s.eof = true
		s.owner.Forget(s)
		s.resp.Close() // nothing is under way
	case err != nil:
		s.fail(L, err)
	}
}

// close ends the stream, in the middle or not. Only the holder may call it.
func (s *stream) close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.resp != nil && !s.eof {
		s.owner.Forget(s)
		// Closing an HTTP/2 stream writes to its connection, which may be stuck: not
		// while everybody waits for the VM.
		s.vm.Go(s.resp.Close)
	}
}

// fail ends the stream and raises err. Only the holder may call it.
func (s *stream) fail(L *lua.LState, err error) {
	s.close()
	L.RaiseError("%s", err)
}

// more fills buf until it has n bytes, or all that are left. Only the holder may call it.
func (s *stream) more(L *lua.LState, n int) {
	switch {
	case s.closed:
		L.RaiseError("the response is closed: it ends with the request that opened it, or with res:close()")
	case s.reading:
		L.RaiseError("the response is being read by another function")
	}
	for s.buf.Len() < n && !s.eof {
		s.fill(L)
	}
}

// push returns the next n bytes to Lua, nil at the end.
func (s *stream) push(L *lua.LState, n int) int {
	if s.buf.Len() == 0 {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LString(s.buf.Next(n)))
	return 1
}

// read is res:read(n).
func (s *stream) read(L *lua.LState, n int) int {
	s.more(L, n)
	return s.push(L, n)
}

// chunk is one step of res:chunks(size).
func (s *stream) chunk(L *lua.LState, size int) int {
	s.more(L, 1)
	return s.push(L, size)
}

// rest is res:read().
func (s *stream) rest(L *lua.LState) int {
	if s.more(L, 0); !s.eof {
		s.more(L, int(s.limit)+1)
		if int64(s.buf.Len()) > s.limit {
			s.fail(L, &outbound.Error{Step: outbound.StepTooLarge, Err: fmt.Errorf("more than %d bytes of the response are left", s.limit)})
		}
	}
	return s.push(L, s.buf.Len())
}

// line is one step of res:lines(most).
func (s *stream) line(L *lua.LState, most int) int {
	for seen := 0; ; {
		s.more(L, seen+1)
		b := s.buf.Bytes()
		i := bytes.IndexByte(b[min(seen, len(b)):], '\n')
		switch {
		case i >= 0:
			i += seen
		case s.eof && len(b) <= most:
			return s.push(L, len(b))
		}
		if i > most || i < 0 && len(b) > most {
			s.fail(L, &outbound.Error{Step: outbound.StepTooLarge, Err: fmt.Errorf("a line of the response is longer than %d bytes", most)})
		}
		if i < 0 {
			seen = len(b)
			continue
		}
		line := s.buf.Next(i + 1)[:i]
		L.Push(lua.LString(bytes.TrimSuffix(line, []byte{'\r'})))
		return 1
	}
}
