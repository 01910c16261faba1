package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// callAfterHooks runs the after hooks on res, which is what is to be sent if it returns true; else
// the reply is, an error. Only the holder may call it.
func (x *Exchange) callAfterHooks(res *response) bool {
	vm := x.gen.vm
	x.answering = true
	ud := luaval.NewObject(vm.types.response, res)
	defer func() { res.over = true }()
	replaced := false
	for i := len(x.match.After) - 1; i >= 0; i-- {
		h := x.match.After[i]
		if x.inQuarantine(h) {
			if *x.gen.quarantine == FailPass {
				continue
			}
			x.setQuarantineReply(h)
			return false
		}
		var was response
		if x.gen.onFailure == FailPass {
			was = res.clone()
		}
		v, err := x.callHandler(h, ud)
		if err != nil && x.gen.onFailure == FailPass && !err.Deliberate && !replaced {
			x.logFailure(err, h)
			vm.resume(&x.call, x.th.L) // a burst of its own for the next
			res.restore(was)
			continue
		}
		if err != nil {
			x.setErrorReply(err, h)
			return false
		}
		if v == lua.LNil || v == lua.LValue(ud) {
			continue
		}
		x.err = nil
		x.setReply(v, h)
		if x.decision != Answer {
			x.setErrorReply(&ScriptError{
				Status:  http.StatusInternalServerError,
				Message: h.where + ": " + h.route + " cannot pass on or proxy: the response is there already",
			}, h)
		}
		if x.err != nil {
			return false
		}
		replaced = true
		*res = x.reply.clone()
	}
	return true
}
