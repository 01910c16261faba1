package luart

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/route"
)

// rereadBody is a request body that may be read several times: it keeps the first limit bytes.
// Its readers may be used by several goroutines, also at once.
type rereadBody struct {
	mu    sync.Mutex
	src   io.ReadCloser
	kept  []byte
	limit int64
	err   error         // of src
	sent  http.Header   // the request's trailers, which the server fills in when src is at its end
	gone  *rereadReader // beyond limit there is one reader only, this one
}

// rereadReader reads a rereadBody from its beginning.
type rereadReader struct {
	*rereadBody
	at      int
	trailer http.Header // of the request that it is the body of: filled in at the end of it
}

// rereadBody returns a body for a further handing over of the request, whose announced
// trailers have a map of their own: somebody else may read theirs while this one's values
// come. Only the holder may call it.
func (x *Exchange) rereadBody(trailer http.Header) io.ReadCloser {
	body := x.r.Body
	if body == nil || body == http.NoBody {
		return body
	}
	if whole, ok := body.(reqbody.Rereadable); ok { // Lua has read it
		return whole.NewReader()
	}
	if route.IsExtendedConnect(x.r) {
		return body // a tunnel: nothing of it is kept, and closing it is how its end is told
	}
	old, ok := body.(*rereadReader)
	if !ok {
		old = &rereadReader{rereadBody: &rereadBody{src: x.paced(body), limit: x.gen.maxBody, sent: x.r.Trailer}}
		x.r.Trailer = x.r.Trailer.Clone() // the server writes to the other one while the body is read
		old.trailer = x.r.Trailer
		if x.upload.received != nil && x.upload.received.body == body {
			x.upload.received.body = &rereadReader{rereadBody: old.rereadBody, trailer: x.r.Trailer}
		}
		x.r.Body = old // for who gets the request when the script passes it on after all
	}
	return &rereadReader{rereadBody: old.rereadBody, trailer: trailer}
}

// Read returns bytes that are kept, or further ones of the body.
func (r *rereadReader) Read(p []byte) (int, error) {
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

func (r *rereadReader) read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case r.at < len(r.kept):
		n := copy(p, r.kept[r.at:])
		r.at += n
		return n, nil
	case r.gone != nil && r.gone != r:
		return 0, errors.New("the request body is " + tooLong(r.limit) + " and has been sent once")
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
func (r *rereadReader) Close() error { return nil }

func tooLong(limit int64) string {
	return "longer than max_body (" + strconv.FormatInt(limit, 10) + " bytes)"
}
