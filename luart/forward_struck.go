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

// decidedOutside notes that handlers behind may set a header of any name to something that is known
// here: who the request is of ({rover.auth.sub}), or a variable of the script. Only the holder may
// call it.
func (x *Exchange) decidedOutside() { x.decided(reqbody.Undigested) }

// strikeTrailers takes the trailers away from r, on its way to others, whose names the script has
// decided about. Who the client is, handlers behind may say in a header of any name, so then nothing
// is left but digests. to is nil for the next handler.
func (x *Exchange) strikeTrailers(r *http.Request, to *proxy.To) {
	if r.Trailer == nil {
		return
	}
	names := slices.Clone(x.forward.decided)
	if to != nil {
		names = slices.AppendSeq(names, maps.Keys(to.Header))
	}
	if x.admitted || slices.ContainsFunc(x.match.Rules, isAuth) {
		names = append(names, reqbody.Undigested)
	}
	reqbody.StrikeTrailers(r, names)
}

// isAuth reports whether a rule asks who a request is of. One that it lets through without a token has
// an empty claim, which is as good as a name.
func isAuth(h *handler) bool { return h.rule != nil && h.rule.stage() == stageAuth }

// StrikeTrailers takes the trailers away whose names the script has decided about. The goroutine
// that serves the request calls it after Run, or after Admit has refused it, whoever gets the request
// then.
func (x *Exchange) StrikeTrailers() { x.strikeTrailers(x.r, x.outcome.reply.Proxy) }
