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
