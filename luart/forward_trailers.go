package luart

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/response"
)

// trailerPatience is how long the end of a body that a script has replaced unread is waited
// for when trailers may come behind it, but neither side has spoken of any.
const trailerPatience = time.Second

// trailerNames returns the names of the trailers that a head announces.
func trailerNames(h http.Header) (names []string) {
	for _, list := range h["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	return names
}

// isTrailer reports whether a field that is set behind the head is one, as in net/http.
func (h *handover) isTrailer(name string) bool {
	return strings.HasPrefix(name, http.TrailerPrefix) || slices.Contains(h.announced, name)
}

// trailers returns those of a response that is not sent as it comes, after done.
func (h *handover) trailers() http.Header {
	t := http.Header{}
	for _, from := range [...]http.Header{h.header, h.late} {
		for name, values := range from {
			if h.isTrailer(name) {
				t[name] = values
			}
		}
	}
	return t
}

// mayTrail reports whether trailers can come behind the body that h had. Only the holder may
// call it.
func (h *handover) mayTrail() bool {
	switch {
	case h.status == 0, h.method == http.MethodHead, !bodyfilter.HasBody(http.MethodGet, h.status):
		return false
	case h.kept, len(h.announced) > 0, h.wantsTrailers:
		return true
	}
	ctype, _, _ := strings.Cut(h.header.Get("Content-Type"), ";")
	return h.header["Content-Length"] == nil && !strings.EqualFold(strings.TrimSpace(ctype), response.TypeEvents)
}

// wantsTrailers reports whether a client says that it takes trailers, as that of gRPC does.
func wantsTrailers(r *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(r.Header["Te"], "trailers")
}

// trailers returns the trailers of the reply whose body the script has replaced. It waits
// for the end of the old one, which is dropped, if that is not read yet: at most maxDropped
// bytes of it, and for the timeout of a request, or trailerPatience if nobody has announced or
// asked for trailers.
func (x *Exchange) trailers() http.Header {
	h := x.outcome.reply.trailing
	if h == nil {
		return nil
	}
	done := true
	if !h.kept {
		patience := x.gen.vm.trailerPatience
		if len(h.announced) > 0 || h.wantsTrailers {
			patience = x.gen.timeout
		}
		ctx := x.r.Context()
		if patience > 0 {
			var cancel context.CancelFunc
			ctx, cancel = x.gen.vm.clock.WithTimeout(ctx, patience, nil)
			defer cancel()
		}
		h.resolve(verdict{})
		done = h.waitWithin(ctx)
	}
	var t http.Header
	if done && h.failure() == nil {
		t = h.trailers()
		bodyfilter.FilteredTrailer(t)
	}
	h.drop() // gives the client's headers back, before the reply's are set
	return t
}

// hasUnannounced reports whether there are trailers whose names no head has told.
func hasUnannounced(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// sendTrailers sets those of a response whose body has been written.
func sendTrailers(w http.ResponseWriter, trailers http.Header) {
	if len(trailers) == 0 {
		return
	}
	_ = http.NewResponseController(w).Flush() // or a short body gets a length, behind which there are none
	for name, values := range trailers {
		w.Header()[name] = values
	}
}
