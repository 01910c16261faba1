package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
)

// responseBodyMethods are those of a response's body. Only the holder may call them.
//
// What they do to the headers is a table in package bodyfilter: fields that say something
// about the old bytes go or are put right when a method is called, so those that the script
// sets afterwards stand.
func responseBodyMethods(vm *VM) map[string]lua.LGFunction {
	m := response.Methods(func(L *lua.LState) *response.Response { return &checkResponse(L, 1).Response })
	// res:body(): waits until all of it is there, at most max_body, decoded (gzip, deflate,
	// br, zstd) and filtered. It is empty at once where there can be none: that of an
	// upgrade, of 204, 205 and 304, and of an error of a handler behind, which whoever
	// handles errors answers later. Errors: it breaks off, is longer or cannot be decoded;
	// the response was sent or dropped.
	m["body"] = func(L *lua.LState) int {
		r := checkAnswer(L)
		bytes, absent := r.wholeBody(vm, L)
		_, isJSON := r.SaysJSON()
		b := &body{bytes: bytes, loaded: true, absent: absent, isJSON: isJSON}
		if absent {
			b.x = vm.cur.x
		}
		L.Push(luaval.NewObject(vm.types.answer, b))
		return 1
	}
	// res:set_body(bytes): returns res. It takes the place of the body, filtered or not.
	m["set_body"] = func(L *lua.LState) int {
		r := checkAnswer(L)
		text := luaval.CheckString(L, 2)
		if r.isTunnel() {
			L.SetTop(1)
			return 1
		}
		if r.from != nil {
			r.from.checkOpen(L)
		}
		r.setBody([]byte(text))
		L.SetTop(1)
		return 1
	}
	// res:on_chunk(f): returns res. f(chunk, last) is called with each piece of the body, as
	// it comes, decoded, and what it returns is sent in its place: a string, or nil for
	// nothing. last is true in one more call at the end, whose chunk is empty. f may wait;
	// each call has a burst and a timeout of its own, and the next piece is not read before
	// it returns. Several filters follow one another. A response without a body (to HEAD,
	// 204, 304) calls none.
	//
	// When f raises, the client gets a 500 if nothing has been sent, else the response is
	// cut so that it sees that. Errors: the response cannot be decoded; it is a part (206)
	// and cannot be asked for whole.
	m["on_chunk"] = func(L *lua.LState) int {
		r := checkAnswer(L)
		r.addFilter(vm, L, filter{fn: luaval.CheckFunction(L, 2)})
		L.SetTop(1)
		return 1
	}
	// res:replace(pattern, replacement[, options]): returns res. It replaces all matches in
	// the body as it goes by, however it comes in pieces: of a string as it is, or of an
	// expression of rover.re.compile, whose groups are $1 and ${name} in the replacement.
	// Options: window, the bytes that a match may have (default 65536, at most 1 MiB);
	// limit, how many are replaced (default all); literal = true, where $ stands for itself.
	m["replace"] = func(L *lua.LState) int {
		r := checkAnswer(L)
		r.addFilter(vm, L, checkReplace(L))
		L.SetTop(1)
		return 1
	}
	m["edit_json"] = func(L *lua.LState) int { return responseEditJSON(vm, L) }
	return m
}

// wholeBody is res:body(): the bytes, or that there can be none.
func (r *reply) wholeBody(vm *VM, L *lua.LState) (bytes []byte, absent bool) {
	if r.Stream != nil {
		L.RaiseError("res:body() of a stream is not there yet: its producer makes it while it is sent")
	}
	if r.from != nil && !r.bodiless() {
		r.askAgain(vm, L, true)
	}
	if r.bodiless() {
		return nil, true
	}
	bytes = r.Body
	if r.from != nil {
		bytes = r.from.readBody(vm, L, vm.cur.gen.maxAnswer)
	}
	if r.filters != nil {
		bytes = r.filtered(L, bytes, vm.cur.gen.maxAnswer)
	}
	return bytes, false
}

// checkAnswer returns argument 1 as a response that has a body.
func checkAnswer(L *lua.LState) *reply {
	r := checkResponse(L, 1)
	if r.Decision != Answer {
		L.RaiseError("there is no response yet: wait for it with ctx:next() or ctx:proxy(), or use an after hook")
	}
	return r
}

// bodiless reports whether the response can have no body by its nature, so that there is
// nothing to wait for. Only the holder may call it.
func (r *reply) bodiless() bool {
	switch h := r.from; {
	case h == nil:
		return bodyfilter.Bodyless(r.Status) && len(r.Body) == 0
	case h.status == 0:
		return h.panicked == nil
	default:
		return h.tunnel || !bodyfilter.HasBody(http.MethodGet, h.status)
	}
}

// setBody makes text the body.
func (r *reply) setBody(text []byte) {
	if r.from != nil {
		r.makeOwn()
	}
	r.filters = nil
	h := r.HeaderMap()
	r.Status = bodyfilter.ReplacedHead(h, r.Status, http.MethodGet, int64(len(text)))
	delete(h, "Content-Length") // write knows whether there is one
	r.Body, r.Stream = text, nil
}

// makeOwn makes r a response of the script's own. What it was is dropped when it is clear
// that it is not sent after all.
func (r *reply) makeOwn() {
	if r.from.mayTrail() {
		r.trailing = r.from
	}
	r.Header = r.Header.Clone() // drop restores the client's
	r.from = nil
}
