package reqbody

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		proto int
		err   error
		want  bool
	}{
		{1, io.EOF, false},
		{1, io.ErrUnexpectedEOF, true},
		{1, &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{1, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, false}, // too slow
		{1, errors.New("malformed chunked encoding"), false},
		{1, &http.MaxBytesError{Limit: 1}, false},
		{1, &Error{408, "slow"}, false},
		{1, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), true},
		{2, errors.New("client disconnected"), true},
		{2, &http.MaxBytesError{Limit: 1}, false},
		{2, os.ErrDeadlineExceeded, false},
		{2, errors.New("request declared a Content-Length of 100 but only wrote 5 bytes"), false},
		{3, io.ErrUnexpectedEOF, false}, // the stream has ended, and the client waits
		{3, errors.New("H3_REQUEST_CANCELLED"), true},
	} {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(c.err)))
		r.ProtoMajor, r.ContentLength = c.proto, -1
		w := Watch(r)
		if w.Left() {
			t.Error("left before it began")
		}
		if got, err := io.ReadAll(r.Body); string(got) != "half" || err != c.err && c.err != io.EOF { //nolint:errorlint // it is that one
			t.Errorf("%v: %q, %v", c.err, got, err)
		}
		if broken := w.Broken() != nil; broken != (c.err != io.EOF) { //nolint:errorlint // it is that one
			t.Errorf("HTTP/%d, %v: broken is %v", c.proto, c.err, broken)
		}
		if w.Left() != c.want {
			t.Errorf("HTTP/%d, %v: left is %v", c.proto, c.err, w.Left())
		}
	}
	for _, r := range []*http.Request{httptest.NewRequest("GET", "/", nil), {Body: http.NoBody, ContentLength: -1}} {
		if was := r.Body; Watch(r) != nil || r.Body != was {
			t.Error("a request without a body is watched")
		}
	}
}

// What a reader gets after we have closed the body says nothing about the client.
func TestWatchClosed(t *testing.T) {
	for _, c := range []struct {
		closed bool
		err    error
		want   int // 0: the body is not broken
	}{
		{false, errors.New("malformed chunked encoding"), 400},
		{false, &http.MaxBytesError{Limit: 1}, 413},
		{false, os.ErrDeadlineExceeded, 408},
		{true, http.ErrBodyReadAfterClose, 0},
	} {
		r := httptest.NewRequest("POST", "/", iotest.ErrReader(c.err))
		r.ContentLength = -1
		w := Watch(r)
		if c.closed {
			_ = r.Body.Close()
		}
		_, _ = io.ReadAll(r.Body)
		got := 0
		if bad := w.Broken(); bad != nil {
			got = bad.Status
		}
		if got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if w := (*Watched)(nil); w.Broken() != nil {
		t.Error("a request without a body has a broken one")
	}
}
