package luart

import (
	"net/http"

	"github.com/caddy-rover/rover/luart/conditional"
)

// checkPreconditions answers conditional requests: where Lua answers GET or HEAD with a 200 that has
// an ETag or a Last-Modified, a client that has the same already gets a 304, and one that wants
// something else a 412. Upstreams do so themselves. A stream has begun by then, and is sent.
func (x *Exchange) checkPreconditions() {
	r := &x.outcome.reply
	if r.status != http.StatusOK || r.from != nil || x.stream != nil ||
		x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return
	}
	etag, modified := first(r.header, "Etag"), first(r.header, "Last-Modified")
	if etag == "" && modified == "" {
		return
	}
	switch conditional.Status(x.r.Header, etag, modified) {
	case http.StatusNotModified:
		r.status, r.body, r.filters = http.StatusNotModified, nil, nil
		r.header = r.header.Clone() // the script may return the response again
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Length"} {
			delete(r.header, name)
		}
		if etag != "" {
			delete(r.header, "Last-Modified")
		}
	case http.StatusPreconditionFailed:
		failed := errorResponse(http.StatusPreconditionFailed, "Precondition failed")
		r.status, r.body, r.filters = failed.status, failed.body, nil
		r.header = r.header.Clone()
		delete(r.header, "Content-Encoding")
		r.header["Content-Type"] = []string{failed.ctype}
	}
}

func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
