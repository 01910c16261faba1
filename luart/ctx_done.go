package luart

import lua "github.com/yuin/gopher-lua"

// ofDone are the methods of ctx that done hooks may use: those that read the request's head, and
// what belongs to the script. Everything else is for a request that is there: its body, its
// response, what Caddy keeps about it.
var ofDone = map[string]bool{
	"header": true, "headers": true, "query": true, "params": true, "param": true, "cookie": true, "cookies": true,
	"request_id": true, "get": true, "set": true, "log": true,
}

// unlessDone is a method of ctx that done hooks cannot use.
func unlessDone(name string, method lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := checkCtx(L); x.over != nil {
			L.RaiseError("ctx:%s cannot be used in a done hook: the request is over; "+
				"what the hook needs of it can be kept with ctx:set before", name)
		}
		return method(L)
	}
}

// peer returns what is known of who has sent the request.
func (x *Exchange) peer() peer {
	if x.over != nil {
		return x.over.peer
	}
	return peer{clientIP: x.host.ClientIP(x.r), trusted: x.host.IsTrusted(x.r)}
}
