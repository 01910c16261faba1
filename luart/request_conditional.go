package luart

import (
	"net/http"

	"github.com/caddy-rover/rover/luart/conditional"
	"github.com/caddy-rover/rover/luart/response"
)

// checkPreconditions answers conditional requests: where Lua answers GET or HEAD with a 200 that has
// an ETag or a Last-Modified, a client that has the same already gets a 304, and one that wants
// something else a 412. Upstreams do so themselves. A stream has begun by then, and is sent.
func (x *Exchange) checkPreconditions() {
	r := &x.outcome.reply
	if r.Status != http.StatusOK || r.from != nil || x.stream != nil ||
		x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return
	}
	etag, modified := first(r.Header, "Etag"), first(r.Header, "Last-Modified")
	if etag == "" && modified == "" {
		return
	}
	switch conditional.Status(x.r.Header, etag, modified) {
	case http.StatusNotModified:
		r.Status, r.Body, r.filters = http.StatusNotModified, nil, nil
		r.Header = r.Header.Clone() // the script may return the response again
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Length"} {
			delete(r.Header, name)
		}
		if etag != "" {
			delete(r.Header, "Last-Modified")
		}
	case http.StatusPreconditionFailed:
		failed := response.Error(http.StatusPreconditionFailed, "Precondition failed")
		r.Status, r.Body, r.filters = failed.Status, failed.Body, nil
		r.Header = r.Header.Clone()
		delete(r.Header, "Content-Encoding")
		r.Header["Content-Type"] = []string{failed.Type}
	}
}

func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
