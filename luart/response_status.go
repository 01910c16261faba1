package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// cameBodyless reports whether the response is another's that came without a body, whatever
// its status is now.
func (r *reply) cameBodyless() bool { return r.from != nil && bodyfilter.Bodyless(r.from.came) }

// checkPart raises when a part (206) would be sent as if it were the whole. With any other
// status its body is not sent.
func (r *reply) checkPart(L *lua.LState, status int) {
	if r.from == nil || r.from.came != http.StatusPartialContent {
		return
	}
	if status < 300 && status != http.StatusPartialContent && !bodyfilter.Bodyless(status) {
		L.RaiseError("a part (206) cannot be made a %d: it would pass for the whole; res:body(), "+
			"res:on_chunk and res:replace ask for that", status)
	}
}
