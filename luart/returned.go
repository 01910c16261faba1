package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// returned is what a handler or hook returned: return value, status, headers. What it left out is nil.
type returned struct{ value, status, headers lua.LValue }

var returnedNothing = returned{lua.LNil, lua.LNil, lua.LNil}

// pcallReturned calls fn, protected, in c's own Lua thread.
func (vm *VM) pcallReturned(c *call, fn *lua.LFunction, args ...lua.LValue) (returned, error) {
	if err := vm.pcallN(c, fn, 3, args); err != nil {
		return returnedNothing, err
	}
	L := c.th.L
	v := returned{L.Get(-3), L.Get(-2), L.Get(-1)}
	L.SetTop(0)
	return v, nil
}

// callReturned is pcallReturned with the error as scripts and clients get it.
func (vm *VM) callReturned(c *call, fn *lua.LFunction, args ...lua.LValue) (returned, *ScriptError) {
	v, err := vm.pcallReturned(c, fn, args...)
	if err != nil {
		return returnedNothing, vm.scriptError(c, err)
	}
	return v, nil
}

// nothing reports whether the function had nothing to say.
func (v returned) nothing() bool {
	return v.value == lua.LNil && v.status == lua.LNil && v.headers == lua.LNil
}

// only reports whether the function returned a value and said no more.
func (v returned) only(value lua.LValue) bool {
	return v.value == value && v.status == lua.LNil && v.headers == lua.LNil
}

func (v returned) isResponse() bool { return responseOf(v.value) != nil }

// responseOf returns a value that is a response as one, else nil.
func responseOf(v lua.LValue) *response {
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*response); ok {
			return r
		}
	}
	return nil
}

// applyTo gives r, which the value stands for, the status and the headers. wrong says what they are
// instead: what was meant for something else must not be dropped, and a guard's least of all.
func (v returned) applyTo(r *response) (wrong string) {
	if v.status == lua.LNil && v.headers == lua.LNil {
		return ""
	}
	status := r.status
	if v.status != lua.LNil {
		if status, wrong = statusOf(v.status); wrong != "" {
			return "returned a second value: " + wrong + onlyFirst
		}
	}
	var headers http.Header
	if v.headers != lua.LNil {
		t, ok := v.headers.(*lua.LTable)
		if !ok {
			return "returned a third value: headers expected, a table, got " + luaval.TypeName(v.headers) + onlyFirst
		}
		var err error
		if headers, err = luaval.Headers(t); err != nil {
			return "returned headers: " + err.Error()
		}
		if wrong = luaval.FramingIn(headers); wrong != "" {
			return "returned headers: " + wrong
		}
	}
	switch {
	case r.decision != Answer:
		return "returned a status with what is no answer yet: what answers the request has one"
	case r.from != nil:
		return "returned a status with a response that has come: set res.status and call res:set_header"
	}
	if v.status != lua.LNil {
		r.status, r.byDefault = status, false
		if r.handled != nil {
			handled := *r.handled
			handled.Status = status
			r.handled = &handled
		}
	}
	if headers != nil {
		r.header = r.header.Clone() // the script may return the response again
		r.setAll(headers)
	}
	return ""
}

// addMissing sets the headers that the response has not.
func (r *response) addMissing(headers http.Header) {
	if len(headers) == 0 {
		return
	}
	r.header = r.header.Clone() // the script may return the response again
	h := r.headerMap()
	for name, values := range headers {
		if _, ok := h[name]; !ok {
			h[name] = values
		}
	}
}
