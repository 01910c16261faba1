package luart

import (
	"io"
	"net/http"

	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/route"
)

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
	old, ok := body.(*reqbody.Reread)
	if !ok {
		sent := x.r.Trailer
		x.r.Trailer = sent.Clone() // the server writes to the other one while the body is read
		old = reqbody.NewReread(x.paced(body), x.gen.maxBody, sent, x.r.Trailer)
		if x.upload.received != nil && x.upload.received.body == body {
			x.upload.received.body = old.Another(x.r.Trailer)
		}
		x.r.Body = old // for who gets the request when the script passes it on after all
	}
	return old.Another(trailer)
}
