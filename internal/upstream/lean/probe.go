package lean

import (
	"io"
	"net/http"
	"time"
)

// probeWait is how long a request waits for the first byte of a body of which nobody has said that there
// is one, as http.Transport does: all that HTTP/3 says of a GET is that it may have a body.
const probeWait = 200 * time.Millisecond

// probe returns a request with the body that it turns out to have, and how that is sent. What the
// method makes likely is that there is none.
func probe(req *http.Request) (*http.Request, framing) {
	first := &firstByte{ReadCloser: req.Body, come: make(chan struct{})}
	go first.read()
	timer := time.NewTimer(probeWait)
	defer timer.Stop()
	select {
	case <-first.come:
	case <-timer.C: // it is sent as it comes
	}
	probed := *req
	probed.Body = first
	if first.none() {
		_ = req.Body.Close()
		probed.Body, probed.ContentLength = http.NoBody, 0
		return &probed, framing{}
	}
	return &probed, framing{chunked: true}
}

// firstByte is a body whose first byte is read on a goroutine of its own.
type firstByte struct {
	io.ReadCloser
	come chan struct{}
	b    [1]byte // what follows is as read returns it, once it has come
	n    int
	err  error
	used bool
}

func (f *firstByte) read() {
	f.n, f.err = f.ReadCloser.Read(f.b[:])
	close(f.come)
}

// none reports whether it is known that the body is empty.
func (f *firstByte) none() bool {
	select {
	case <-f.come:
		return f.n == 0 && f.err == io.EOF //nolint:errorlint // as readers return it
	default:
		return false
	}
}

// Read implements io.Reader.
func (f *firstByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	<-f.come
	if !f.used {
		f.used = true
		return copy(p, f.b[:f.n]), f.err
	}
	if f.err != nil {
		return 0, f.err
	}
	return f.ReadCloser.Read(p)
}
