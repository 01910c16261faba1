package luart

import (
	"context"
	"net/http"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/idempotency"
	"github.com/caddy-rover/rover/luart/luaval"
)

// keepable returns the answer that a response is, as it is kept. nil: it is not; then why says why
// the request must not be made again all the same, "" if it may for all that the response says.
func (x *Exchange) keepable(res *reply) (answer *idempotency.Answer, why string) {
	h := res.from
	switch {
	case h != nil && h.status == 0: // nobody has answered
		return nil, ""
	case h != nil && h.kept && h.failure() != nil:
		return nil, unknownOutcome
	case res.Status >= 500 || res.Status == http.StatusTooManyRequests:
		return nil, ""
	case res.Raised != nil:
		return nil, "" // it is an error, which somebody else answers
	case res.Stream != nil:
		return nil, "it is a stream"
	case res.filters != nil:
		return nil, "its body is filtered on its way"
	case h != nil && h.tunnel:
		return nil, "it is a tunnel"
	case h != nil && !h.kept && !res.bodiless() && h.method != http.MethodHead:
		return nil, "its body is larger than 1 MiB, or a stream"
	}
	answer = &idempotency.Answer{Status: res.Status, Header: http.Header{}, Body: res.Body}
	if h != nil && h.kept {
		answer.Body = h.answer.Bytes()
	}
	if res.Header == nil && res.Type != "" {
		answer.Header["Content-Type"] = []string{res.Type}
	}
	others := x.forward.clientHead.header(x.w) // which the next request has of its own
	for name, values := range res.Header {
		other, there := others[name]
		if name != "Set-Cookie" && name != "Date" && !luaval.IsFraming(name) && !strings.HasPrefix(name, http.TrailerPrefix) &&
			(!there || !slices.Equal(values, other)) {
			answer.Header[name] = values
		}
	}
	return answer, ""
}

// mayHaveActed reports whether somebody whom a request was handed over to may have done what it
// asks for: unless it surely has not come there, or the answer is that of an error. They are those
// of handOver.
func (x *Exchange) mayHaveActed(handovers []*handover) bool {
	return slices.ContainsFunc(handovers, func(h *handover) bool {
		switch {
		case !h.runner.(*goroutine).hasHead():
			return true
		case h.status != 0:
			return h.status < 400
		case h.picker != nil && h.picker.raised != nil: // nobody was asked, or could be reached
			return false
		}
		return h.panicked != nil || x.host.ErrorStatus(h.err) >= 500 && !x.host.Unsent(h.err)
	})
}

// takeWhole makes of what a handler has decided the response: a request that it passes on, or
// hands over, is on its way until the head has come, and the body is taken if it is no longer than
// can be kept.
func (x *Exchange) takeWhole(L *lua.LState, res *reply) {
	vm := x.gen.vm
	if res.Decision != Answer {
		if x.outcome.replied || len(x.forward.handovers) >= maxHandovers {
			L.RaiseError("the request was passed on or proxied %d times, the limit", maxHandovers)
		}
		to := res.Proxy
		if res.Decision == Pass {
			to = nil
		}
		h := x.handOver(to)
		*res = vm.awaitResponse(L, h)
	}
	h := res.from
	if h == nil || h.status == 0 || h.kept || h.resolved || res.filters != nil || res.bodiless() || h.method == http.MethodHead ||
		res.Status >= 500 || res.Status == http.StatusTooManyRequests || !h.mayBeKept() {
		return
	}
	h.overflow = newOverflow()
	h.resolve(verdict{limit: idempotency.MaxAnswer})
	full := false
	vm.await(L, waitsOn{what: "body of a response"}, func(ctx context.Context) { full = h.overflow.await(ctx, h.ended()) })
	h.kept = !full
}
