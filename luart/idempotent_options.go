package luart

import (
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/luaval"
)

// idempotentOptions are those of api.idempotent. ttl_ms is Rover's own.
var idempotentOptions = luaval.NewOptions("header", "ttl", "ttl_ms", "wait", "required", "key", "on_failure").Words("on_failure", "closed", "open")

// newIdempotent is api.idempotent([options,] handler), which returns the handler that answers a
// request with a key once, and others with that key with the same answer.
func (g *Generation) newIdempotent(L *lua.LState) int {
	o := &idempotent{gen: g, store: g.store, header: "Idempotency-Key", ttl: defaultAnswerTTL, wait: defaultAnswerWait}
	if o.store.Local() { // a flood of keys takes no place from what scripts keep
		o.store = g.vm.answers
	}
	n := L.GetTop()
	var ok bool
	if o.handler, ok = L.Get(n).(*lua.LFunction); !ok || n < 1 || n > 2 || n == 2 && L.Get(1).Type() != lua.LTTable {
		L.RaiseError("api.idempotent() expects (handler) or (config, handler)")
	}
	if n == 2 {
		o.read(L)
	}
	L.Push(L.NewFunction(o.call))
	return 1
}

func (o *idempotent) read(L *lua.LState) {
	fail := func(name string, v lua.LValue, want string) { luaval.CheckOption(L, 1, name, v, want) }
	seconds := func(name string, v lua.LValue, least, most, unit time.Duration, want string) time.Duration {
		f, ok := v.(lua.LNumber)
		if !ok || !(float64(f)*float64(unit) >= float64(least) && float64(f)*float64(unit) <= float64(most)) {
			fail(name, v, want)
		}
		return time.Duration(float64(f) * float64(unit))
	}
	idempotentOptions.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		switch name {
		case "header":
			text, _ := v.(lua.LString)
			if !httpguts.ValidHeaderFieldName(string(text)) {
				fail(name, v, "the name of a header")
			}
			o.header = http.CanonicalHeaderKey(string(text))
		case "ttl":
			o.ttl = seconds(name, v, time.Second, maxAnswerTTL, time.Second, "seconds, 1 to a week,")
		case "ttl_ms":
			o.ttl = seconds(name, v, time.Second, maxAnswerTTL, time.Millisecond, "milliseconds, 1000 to a week,")
		case "wait":
			o.wait = seconds(name, v, 0, time.Minute, time.Second, "seconds, 0 to 60,")
		case "required":
			if v != lua.LTrue && v != lua.LFalse {
				fail(name, v, "a boolean")
			}
			o.required = v == lua.LTrue
		case "key":
			if o.caller, _ = v.(*lua.LFunction); o.caller == nil {
				fail(name, v, "a function")
			}
		case "on_failure":
			if v != lua.LString("closed") && v != lua.LString("open") {
				fail(name, v, `"closed" or "open"`)
			}
			o.open = v == lua.LString("open")
		}
	})
}
