package luart

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Decision is what a script decided about a request.
type Decision int

const (
	Answer Decision = iota // Lua answers; Exchange.Write sends it
	Pass                   // go on to the next handler
	Proxy                  // hand over to the upstreams in Exchange.ProxyTo
)

// ProxyTo is what a script gave to api.proxy.
type ProxyTo struct {
	Upstreams []string // tried in order; none only where there is Pick
	Timeout   float64  // seconds until the upstream's response head; 0: none of its own
	Tries     int      // how many upstreams to try; 0: all
	Path      string   // replaces the path; empty: unchanged
	Host      string   // replaces the Host header; empty: unchanged
	Header    http.Header
	Mirror    bool // it is a copy: whatever is answered is dropped

	// Pick returns the upstream of the next try, the attempt-th from 1, after those of
	// Upstreams; "" ends the tries, and so does an error. last is how the one before ended,
	// nil at first. One goroutine at a time may call it. nil: there is none.
	Pick func(ctx context.Context, attempt int, last *TryError) (address string, err error)
	pick *lua.LFunction
}

// response is what a script sees of a response: one it built, or, in an after hook,
// the one about to be sent. A response that a script built may be returned any number
// of times, so sending one does not change it.
type response struct {
	decision Decision
	status   int

	byDefault bool         // the script has not said which status
	handled   *ScriptError // whoever handles errors is to answer instead; nil: no

	ctype   string      // Content-Type, unless header has one
	header  http.Header // nil until one is set
	body    []byte
	stream  *stream // makes the body instead
	proxy   *ProxyTo
	over    bool      // an after hook's: its phase has ended
	from    *handover // whose response it is, body and all; nil: the script's own
	origin  *handover // from, also when the script has replaced the body
	filters *filters  // what the body goes through on its way; nil: nothing

	trailing *handover // whose trailers it has, while the body is another; nil: nobody's
}

// headerMap returns the headers, to write to.
func (r *response) headerMap() http.Header {
	if r.header == nil {
		r.header = make(http.Header, 4)
		if r.ctype != "" {
			r.header["Content-Type"] = []string{r.ctype}
		}
	}
	return r.header
}

// clone returns a copy whose headers may be changed without changing r's.
func (r *response) clone() response {
	c := *r
	c.header = r.header.Clone()
	c.headerMap()
	c.filters = r.filters.clone()
	return c
}

// restore makes r what its clone was; its header stays the same map, which others know.
func (r *response) restore(was response) {
	header := r.headerMap()
	clear(header)
	for name, values := range was.header {
		header[name] = values
	}
	*r = was
	r.header = header
}

// errorResponse is {"error": message}.
func errorResponse(status int, message string) response {
	return faultsResponse(status, message, nil)
}

// faultsResponse is {"error": message, "errors": …}, with the JSON text errors if it is not nil.
func faultsResponse(status int, message string, errors []byte) response {
	body := jsonlua.AppendString([]byte(`{"error":`), message)
	if errors != nil {
		body = append(append(body, `,"errors":`...), errors...)
	}
	return response{status: status, ctype: typeJSON, body: append(body, '}')}
}

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
	typeRaw  = "application/octet-stream"
)

// checkResponse returns argument n as a response that may still be used.
func checkResponse(L *lua.LState, n int) *response {
	ud, ok := L.Get(n).(*lua.LUserData)
	if ok {
		if r, ok := ud.Value.(*response); ok {
			if r.over {
				L.RaiseError("the response is over: res is valid inside its after hook only")
			}
			return r
		}
	}
	luaval.ArgError(L, n, "response expected, got "+luaval.TypeName(L.Get(n)))
	return nil
}

// checkHeader returns arguments n and n+1 as a header's canonical name and value.
func checkHeader(L *lua.LState, n int) (name, value string) {
	name = checkHeaderName(L, n)
	value, ok := luaval.StringValue(L.Get(n + 1))
	if !ok {
		luaval.ArgTypeError(L, n+1, "string")
	}
	if !httpguts.ValidHeaderFieldValue(value) || strings.ContainsAny(value, "\r\n\x00") {
		luaval.ArgError(L, n+1, "header "+name+": CR, LF, NUL and other control characters are not allowed in "+strconv.Quote(value))
	}
	return name, value
}

func checkHeaderName(L *lua.LState, n int) string {
	name := luaval.CheckString(L, n)
	if !httpguts.ValidHeaderFieldName(name) {
		luaval.ArgError(L, n, strconv.Quote(name)+" is not a header name")
	}
	return http.CanonicalHeaderKey(name)
}

// responseMethods are the methods of a response, for scripts. Those that change it
// return it, so that they can be chained.
var responseMethods = map[string]lua.LGFunction{
	"header": func(L *lua.LState) int {
		r := checkResponse(L, 1)
		name := checkHeaderName(L, 2)
		if r.header == nil && name == "Content-Type" && r.ctype != "" {
			L.Push(lua.LString(r.ctype))
		} else {
			L.Push(luaval.FirstValue(r.header[name]))
		}
		return 1
	},
	"headers": func(L *lua.LState) int {
		L.Push(luaval.HeaderTable(L, checkResponse(L, 1).headerMap()))
		return 1
	},
	"set_header": func(L *lua.LState) int {
		r := checkResponse(L, 1)
		name, value := checkHeader(L, 2)
		checkFraming(L, 2, name)
		r.headerMap()[name] = []string{value}
		L.SetTop(1)
		return 1
	},
	"add_header": func(L *lua.LState) int {
		r := checkResponse(L, 1)
		name, value := checkHeader(L, 2)
		checkFraming(L, 2, name)
		h := r.headerMap()
		h[name] = append(h[name], value)
		L.SetTop(1)
		return 1
	},
	"remove_header": func(L *lua.LState) int {
		r := checkResponse(L, 1)
		name := checkHeaderName(L, 2)
		checkFraming(L, 2, name)
		h := r.headerMap()
		delete(h, name)
		if name == "Content-Type" {
			h[name] = nil // net/http looks at the body for a type where there is no such field
		}
		L.SetTop(1)
		return 1
	},
	"set_cookie": func(L *lua.LState) int {
		r := checkResponse(L, 1)
		c := checkCookie(L, 2)
		h := r.headerMap()
		h["Set-Cookie"] = append(h["Set-Cookie"], c.String())
		L.SetTop(1)
		return 1
	},
}

// checkFraming refuses headers that say how a message is framed: they follow from
// the body, in Go.
func checkFraming(L *lua.LState, n int, name string) {
	if luaval.IsFraming(name) {
		luaval.ArgError(L, n, name+" follows from the message and cannot be changed")
	}
}
