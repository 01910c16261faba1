package luart

import (
	"maps"
	"net/http"
	"slices"

	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// decided notes that the script has set or removed a header of the request. Its client must not
// send one of that name behind the body. Only the holder may call it.
func (x *Exchange) decided(header string) {
	if x.r.Trailer != nil {
		x.forward.decided = append(x.forward.decided, header)
	}
}

// strikeTrailers takes the trailers away from r, on its way to others, whose names the script has
// decided about. to is nil for the next handler.
func (x *Exchange) strikeTrailers(r *http.Request, to *proxy.To) {
	if r.Trailer == nil {
		return
	}
	names := slices.Clone(x.forward.decided)
	if to != nil {
		names = slices.AppendSeq(names, maps.Keys(to.Header))
	}
	reqbody.StrikeTrailers(r, names)
}

// StrikeTrailers takes the trailers away whose names the script has decided about. The goroutine
// that serves the request calls it after Run, whoever gets the request then.
func (x *Exchange) StrikeTrailers() { x.strikeTrailers(x.r, x.outcome.reply.Proxy) }
