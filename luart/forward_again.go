package luart

import (
	"context"
	"maps"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/proxy"
)

// mayBeAskedAgain reports whether askAgain may want to make a request once more.
func mayBeAskedAgain(r *http.Request, to *proxy.To) bool {
	switch r.Method {
	case http.MethodHead:
		return true
	case http.MethodGet:
		return r.Header["Range"] != nil || to != nil && to.Header["Range"] != nil
	}
	return false
}

// askedWhole returns a copy of r that asks for the whole body. Only the holder may call it.
func (x *Exchange) askedWhole(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Method = http.MethodGet
	r.Body = x.rereadBody(r.Trailer)
	bodyfilter.StripRange(r.Header)
	return r
}

// askAgain asks for the response anew where what is there is not the body that a script
// wants to see. A part (206) is not: a filter would make the wrong thing of it, and what hides
// something could be got round. Neither is, where the script waits for the body, the answer to
// a HEAD: that of the GET is asked for, so that the client gets the head that it would have. The
// request begins as it was handed over, whatever handlers behind have made of it since.
func (r *reply) askAgain(vm *VM, L *lua.LState, body bool) {
	h := r.from
	part := h.status == http.StatusPartialContent
	head := body && h.method == http.MethodHead
	if h.kept || h.status == 0 || !head && (!part || h.method == http.MethodHead) {
		return
	}
	h.checkOpen(L)
	x := vm.cur.x
	switch {
	case h.method != http.MethodGet && h.method != http.MethodHead:
		L.RaiseError("the response is a part (206), and the request cannot be made again without its Range: it is a %s", h.method)
	case h.asked == nil && h.again == nil:
		L.RaiseError("the response is a part (206) that nobody has asked for: the request has no Range")
	}
	r.Header = r.Header.Clone() // drop restores the client's
	h.drop()
	vm.await(L, waitsOn{what: "end of a response"}, func(ctx context.Context) { h.waitWithin(ctx) })
	again := x.handOverWhole(h)
	got := vm.awaitResponse(L, again)
	switch {
	case part && got.Status == http.StatusPartialContent, part && !head && got.Status != http.StatusOK:
		L.RaiseError("the response is a part (206), and without a Range the status is %d", got.Status)
	case part && r.Status == h.status:
		r.Status = got.Status
	case got.Status != h.status: // the answer to the GET counts; HEAD may not be known there
		if r.Status == h.status {
			r.Status = got.Status
		}
		maps.Copy(r.Header, got.Header)
	}
	// The rest is the same in both, or the script's.
	for _, name := range [...]string{"Content-Type", "Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		if values, ok := got.Header[name]; ok {
			r.Header[name] = values
		} else {
			delete(r.Header, name)
		}
	}
	delete(r.Header, "Content-Range")
	r.from, r.origin = again, again
}

// handOverWhole asks again for the whole of which h was a part, or the head. h must have
// ended. Only the holder may call it.
func (x *Exchange) handOverWhole(h *handover) *handover {
	if !h.alone() {
		return x.handOverRequest(h.to, h.asked)
	}
	r := h.again.asked
	x.handOverAlone(h.again, h.to, r)
	asCoroutine(x, h.again, r)
	return h.again
}
