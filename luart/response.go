package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/response"
)

// reply is what a script sees of a response: one it built, or, in an after hook, the one about to be
// sent.
type reply struct {
	response.Response

	over    bool      // an after hook's: its phase has ended
	from    *handover // whose response it is, body and all; nil: the script's own
	origin  *handover // from, also when the script has replaced the body
	filters *filters  // what the body goes through on its way; nil: nothing

	trailing *handover // whose trailers it has, while the body is another; nil: nobody's
}

// clone returns a copy whose headers may be changed without changing r's.
func (r *reply) clone() reply {
	c := *r
	c.Header = r.Header.Clone()
	c.HeaderMap()
	c.filters = r.filters.clone()
	return c
}

// restore makes r what its clone was; its header stays the same map, which others know.
func (r *reply) restore(was reply) {
	header := r.HeaderMap()
	clear(header)
	for name, values := range was.Header {
		header[name] = values
	}
	*r = was
	r.Header = header
}

// pushReply pushes a response that a script has built.
func (g *Generation) pushReply(L *lua.LState, r response.Response) int {
	L.Push(luaval.NewObject(g.vm.types.response, &reply{Response: r}))
	return 1
}

// checkResponse returns argument n as a response that may still be used.
func checkResponse(L *lua.LState, n int) *reply {
	ud, ok := L.Get(n).(*lua.LUserData)
	if ok {
		if r, ok := ud.Value.(*reply); ok {
			if r.over {
				L.RaiseError("the response is over: res is valid inside its after hook only")
			}
			return r
		}
	}
	luaval.ArgError(L, n, "response expected, got "+luaval.TypeName(L.Get(n)))
	return nil
}

// Decision is what a script decided about a request.
type Decision = response.Decision

// The decisions.
const (
	Answer = response.Answer // Lua answers; Exchange.Write sends it
	Pass   = response.Pass   // go on to the next handler
	Proxy  = response.Proxy  // hand over to the upstreams in Exchange.ProxyTo
)

// ProxyTo is what a script gave to api.proxy.
type ProxyTo = proxy.To

// TryError says how a try to hand a request over ended.
type TryError = proxy.TryError
