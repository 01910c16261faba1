package response

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Returned is what a handler or hook returned: return value, status, headers. What it left out is nil.
type Returned struct{ Value, Status, Headers lua.LValue }

// ReturnedNothing is what a function returned that had nothing to say.
var ReturnedNothing = Returned{lua.LNil, lua.LNil, lua.LNil}

// Nothing reports whether the function had nothing to say.
func (v Returned) Nothing() bool {
	return v.Value == lua.LNil && v.Status == lua.LNil && v.Headers == lua.LNil
}

// Only reports whether the function returned a value and said no more.
func (v Returned) Only(value lua.LValue) bool {
	return v.Value == value && v.Status == lua.LNil && v.Headers == lua.LNil
}

// Response returns what the value stands for where it is no response already. Its body is in buf,
// which is returned, too. wrong says what it is instead.
func (v Returned) Response(b luaval.Budget, buf []byte) (r Response, rest []byte, wrong string) {
	r = Response{Status: http.StatusOK, ByDefault: true}
	switch v := v.Value.(type) {
	case *lua.LNilType:
		r.Status = http.StatusNoContent
	case *lua.LTable:
		text, err := jsonlua.Append(b, buf[:0], v)
		if err != nil {
			return r, text, "returned a value that is not JSON: " + err.Error()
		}
		r.Type, r.Body, buf = TypeJSON, text, text
	case lua.LString:
		buf = append(buf[:0], v...)
		r.Type, r.Body = typeText, buf
	case lua.LNumber, lua.LBool:
		buf = append(buf[:0], luaval.ExactText(v)...)
		r.Type, r.Body = typeText, buf
	default:
		text, isText := html.Text(v)
		if !isText {
			return r, buf, "returned a " + luaval.TypeName(v) + ": a table, a string, a number, a boolean, nil or a response expected"
		}
		r.Type, r.Body = TypeHTML, []byte(text)
	}
	return r, buf, ""
}

// ApplyTo gives r, which the value stands for, the status and the headers; come says that r has come
// from another. wrong says what they are instead: what was meant for something else must not be
// dropped, and a guard's least of all.
func (v Returned) ApplyTo(r *Response, come bool) (wrong string) {
	if v.Status == lua.LNil && v.Headers == lua.LNil {
		return ""
	}
	status := r.Status
	if v.Status != lua.LNil {
		if status, wrong = statusOf(v.Status); wrong != "" {
			return "returned a second value: " + wrong + onlyFirst
		}
	}
	var headers http.Header
	if v.Headers != lua.LNil {
		t, ok := v.Headers.(*lua.LTable)
		if !ok {
			return "returned a third value: headers expected, a table, got " + luaval.TypeName(v.Headers) + onlyFirst
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
	case r.Decision != Answer:
		return "returned a status with what is no answer yet: what answers the request has one"
	case come:
		return "returned a status with a response that has come: set res.status and call res:set_header"
	}
	if v.Status != lua.LNil {
		r.Status, r.ByDefault = status, false
		if r.Raised != nil {
			raised := *r.Raised
			raised.Status = status
			r.Raised = &raised
		}
	}
	if headers != nil {
		r.Header = r.Header.Clone() // the script may return the response again
		r.SetAll(headers)
	}
	return ""
}

// AddMissing sets the headers that the response has not.
func (r *Response) AddMissing(headers http.Header) {
	if len(headers) == 0 {
		return
	}
	r.Header = r.Header.Clone() // the script may return the response again
	h := r.HeaderMap()
	for name, values := range headers {
		if _, ok := h[name]; !ok {
			h[name] = values
		}
	}
}
