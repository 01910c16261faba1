package reqbody

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// source is a request body that may be read several times: it keeps the first limit bytes.
// Its readers may be used by several goroutines, also at once.
type source struct {
	mu    sync.Mutex
	src   io.ReadCloser
	kept  []byte
	limit int64
	err   error       // of src
	sent  http.Header // the request's trailers, which the server fills in when src is at its end
	gone  *Reread     // beyond limit there is one reader only, this one
}

// Reread is a request body, read from its beginning, of which there may be several readers.
type Reread struct {
	*source
	at      int
	trailer http.Header // of the request that it is the body of: filled in at the end of it
}

// NewReread returns body as one that may be read several times, of which the first limit bytes are
// kept. The server fills in sent, the trailers of its request, when it is at its end; trailer is a
// copy for who reads what is returned.
func NewReread(body io.ReadCloser, limit int64, sent, trailer http.Header) *Reread {
	return &Reread{source: &source{src: body, limit: limit, sent: sent}, trailer: trailer}
}

// Another returns a further reader, of a request with a map of trailers of its own.
func (r *Reread) Another(trailer http.Header) *Reread {
	return &Reread{source: r.source, trailer: trailer}
}

// Read returns bytes that are kept, or further ones of the body.
func (r *Reread) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.read(p)
	if err == io.EOF { //nolint:errorlint // as readers return it
		for name := range r.trailer {
			r.trailer[name] = r.sent[name]
		}
	}
	return n, err
}

func (r *Reread) read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case r.at < len(r.kept):
		n := copy(p, r.kept[r.at:])
		r.at += n
		return n, nil
	case r.gone != nil && r.gone != r:
		return 0, errors.New("the request body is " + TooLong(r.limit) + " and has been sent once")
	case r.err != nil:
		return 0, r.err
	}
	n, err := r.src.Read(p)
	r.err = err
	if r.gone == nil && int64(len(r.kept)+n) <= r.limit {
		r.kept = append(r.kept, p[:n]...)
	} else {
		r.gone = r
	}
	r.at += n
	return n, err
}

// Close leaves the body as it is: there may be other readers, and the server closes it.
func (r *Reread) Close() error { return nil }

// TooLong says that something is longer than max_body.
func TooLong(limit int64) string {
	return "longer than max_body (" + strconv.FormatInt(limit, 10) + " bytes)"
}

// Limited returns r as a reader of limit bytes at most: what is longer is an *Error, a 413.
func Limited(r io.Reader, limit int64) io.Reader {
	return &limitedReader{r: r, left: limit, limit: limit}
}

// limitedReader reads limit bytes, and one more together with a 413: nothing that was
// taken from the connection is lost.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.left = 0
		return n, &Error{Status: http.StatusRequestEntityTooLarge, Text: TooLarge(l.limit)}
	}
	return n, err
}
