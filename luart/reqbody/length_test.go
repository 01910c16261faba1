package reqbody

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func TestHoldToLength(t *testing.T) {
	for _, c := range []struct {
		proto  int
		length int64
		want   error
	}{
		{3, 5, nil},
		{3, 6, io.ErrUnexpectedEOF},
		{3, -1, nil},
		{2, 6, nil}, // the server's
	} {
		for name, body := range map[string]io.Reader{
			"at once": iotest.DataErrReader(strings.NewReader("hello")), "by bytes": iotest.OneByteReader(strings.NewReader("hello")),
		} {
			r := httptest.NewRequest("POST", "/", body)
			r.ProtoMajor, r.ContentLength = c.proto, c.length
			HoldToLength(r)
			if got, err := io.ReadAll(r.Body); string(got) != "hello" || !errors.Is(err, c.want) {
				t.Errorf("HTTP/%d, length %d, %s: %q, %v", c.proto, c.length, name, got, err)
			}
		}
	}
}
