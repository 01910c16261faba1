package reqbody

import (
	"io"
	"net/http"
)

// HoldToLength makes a request body that ends before its Content-Length one that fails to be
// read. Over HTTP/1 and 2 the server sees to that; quic-go takes it for the whole body
// (RFC 9114, section 4.1.2, calls it malformed). It costs requests of HTTP/1 and 2 nothing.
func HoldToLength(r *http.Request) {
	if r.ProtoMajor == 3 && r.ContentLength > 0 && r.Body != nil {
		r.Body = &heldBody{r.Body, r.ContentLength}
	}
}

// heldBody is a body of which left bytes are still to come.
type heldBody struct {
	io.ReadCloser
	left int64
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); err == io.EOF && b.left > 0 { //nolint:errorlint // as readers return it
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
