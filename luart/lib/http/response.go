package http

import (
	"mime"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
)

// response is the response to a request of rover.http. It is a value of the script,
// which may keep it; only a stream ends with the request.
type response struct {
	status int
	header http.Header
	url    string
	body   string // read whole, unless stream was asked for

	headers *lua.LTable // made when the script asks, like data
	data    lua.LValue
	stream  *stream // of a response that is read whole: made when the script asks
	whole   bool
}

func newResponse(r *outbound.Response) *response {
	return &response{status: r.Status, header: r.Header, url: r.URL.String()}
}

func checkResponse(L *lua.LState) *response {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if r, ok := ud.Value.(*response); ok {
			return r
		}
	}
	luaval.ArgError(L, 1, "HTTP response expected, got "+luaval.TypeName(L.Get(1))+" (call res:method() with a colon)")
	return nil
}

// responseField is res.name for what is not a method.
func responseField(L *lua.LState) int {
	r := checkResponse(L)
	v := lua.LNil
	name, _ := L.Get(2).(lua.LString)
	switch name {
	case "status":
		v = lua.LNumber(r.status)
	case "ok":
		v = lua.LBool(r.status >= 200 && r.status <= 299)
	case "url":
		v = lua.LString(r.url)
	case "headers":
		if r.headers == nil {
			r.headers = luaval.HeaderTable(L, r.header)
		}
		v = r.headers
	case "body":
		v = lua.LString(r.text(L))
	case "data":
		if r.data == nil {
			r.data = r.decode(L)
		}
		v = r.data
	}
	L.Push(v)
	return 1
}

// text returns the body. It raises for a stream.
func (r *response) text(L *lua.LState) string {
	if r.stream != nil && !r.whole {
		L.RaiseError("the response is a stream: read it with res:read(), res:lines() or res:chunks()")
	}
	return r.body
}

// decode returns the body as res.data has it. Only the holder may call it.
func (r *response) decode(L *lua.LState) lua.LValue {
	body := r.text(L)
	kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "text/json" && !strings.HasSuffix(kind, "+json") {
		return lua.LString(body)
	}
	v, err := jsonlua.Decode(L, []byte(body))
	if err != nil {
		return lua.LNil
	}
	return v
}

// reader returns what reads the body piece by piece. Only the holder may call it.
func (r *response) reader() *stream {
	if r.stream == nil {
		r.stream, r.whole = &stream{eof: true}, true
		r.stream.buf.WriteString(r.body)
	}
	return r.stream
}

// responseMethods are the methods of a response.
//
//	res:json() -> value | nil, message    the body decoded, whatever its content type says
//	res:lines([max]) -> iterator          lines without their end, at most max bytes each (1 MiB)
//	res:chunks([size]) -> iterator        what is there, at most size bytes at a time (64 KiB)
//	res:read([n]) -> string | nil         n bytes, fewer at the end, nil behind it; without
//	                                      n all that is left, up to max_body (10 MiB)
//	res:close()                           ends it early
//
// Those that read wait for what is not there yet, and raise an error that names the
// step when the body breaks off. They go on where the one before stopped. A stream ends
// with the request that opened it (or the background task, or the function of
// rover.parallel).
var responseMethods = map[string]lua.LGFunction{
	"json": func(L *lua.LState) int {
		text := checkResponse(L).text(L)
		v, err := jsonlua.DecodeWith(L, []byte(text), jsonlua.CheckOptions(L, 2))
		if err != nil {
			return luaval.PushFailure(L, err)
		}
		L.Push(v)
		return 1
	},
	"lines": func(L *lua.LState) int {
		s := checkResponse(L).reader()
		most := luaval.CheckReadSize(L, 2, DefaultLineBytes)
		L.Push(L.NewFunction(func(L *lua.LState) int { return s.line(L, most) }))
		return 1
	},
	"chunks": func(L *lua.LState) int {
		s := checkResponse(L).reader()
		size := luaval.CheckReadSize(L, 2, streamReadBytes)
		L.Push(L.NewFunction(func(L *lua.LState) int { return s.chunk(L, size) }))
		return 1
	},
	"read": func(L *lua.LState) int {
		s := checkResponse(L).reader()
		if L.Get(2) == lua.LNil {
			return s.rest(L)
		}
		return s.read(L, luaval.CheckReadSize(L, 2, 0))
	},
	"close": func(L *lua.LState) int {
		checkResponse(L).reader().close()
		return 0
	},
}
