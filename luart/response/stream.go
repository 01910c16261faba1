package response

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Stream is the body of a response that a script makes piece by piece.
type Stream struct {
	Producer *lua.LFunction
	name     string // api.stream or api.sse, in messages
	Events   bool   // an event stream, with heartbeats
	retry    int    // of an event stream: milliseconds, sent first; negative: not sent
}

const TypeEvents = "text/event-stream"

// maxRetry is a day, in milliseconds: a longer one is a mistake (seconds times a million).
const maxRetry = 86_400_000

// addStreams adds api.stream, api.stream_with_headers and api.sse.
//
// api.stream(status, content_type, producer) answers with what producer returns, call by
// call: a string is sent at once, nil ends the response. producer is called with nothing
// when the client has taken what was sent before; it may wait, and what it waits for may
// be anything. Errors: a status without a body (204, 304).
//
// api.stream_with_headers(status, content_type, headers, producer) adds headers, a table
// of strings or lists of strings.
//
// api.sse(producer[, retry_ms]) answers 200 with an event stream: producer returns the
// data of an event, or {data =, event =, id =, retry =}; {} sends a comment. retry_ms is
// how long clients wait before they come again. api.sse:status(status, producer[, retry_ms])
// and api.sse:with_headers([status,] headers, producer[, retry_ms]) are variants.
//
// The data of an event may be any plain value: a string, a number or a boolean is its text, a table
// its JSON.
func (o Builders) addStreams() {
	add := o.API.AddBuilder
	plain := func(L *lua.LState, name string, headers, producer int) int {
		r := Response{Status: checkBodyStatus(L, 1), Type: checkContentType(L, 2)}
		if headers > 0 {
			r.addHeaders(L, headers)
		}
		r.Stream = &Stream{Producer: luaval.CheckFunction(L, producer), name: name, retry: -1}
		return o.Push(L, r)
	}
	add("stream", func(L *lua.LState) int { return plain(L, "api.stream", 0, 3) }, nil)
	add("stream_with_headers", func(L *lua.LState) int { return plain(L, "api.stream_with_headers", 3, 4) }, nil)

	sse := func(L *lua.LState, status, headers, producer int) int {
		r := Response{Status: status, Type: TypeEvents}
		if status == 0 {
			r.Status, r.ByDefault = http.StatusOK, true
		}
		h := r.HeaderMap()
		h["Cache-Control"] = []string{"no-store"}
		h["X-Accel-Buffering"] = []string{"no"} // tells nginx not to wait for more
		if headers > 0 {
			r.addHeaders(L, headers)
		}
		r.Stream = &Stream{Producer: luaval.CheckFunction(L, producer), name: "api.sse", Events: true, retry: -1}
		if v := L.Get(producer + 1); v != lua.LNil {
			n, ok := checkRetry(lua.LNumber(luaval.CheckNumber(L, producer+1)))
			if !ok {
				luaval.ArgError(L, producer+1, fmt.Sprintf("whole milliseconds from 0 to %d expected, got %s", maxRetry, v.String()))
			}
			r.Stream.retry = n
		}
		return o.Push(L, r)
	}
	add("sse", func(L *lua.LState) int { return sse(L, 0, 0, 1) }, map[string]lua.LGFunction{
		"status": func(L *lua.LState) int { return sse(L, checkBodyStatus(L, 1), 0, 2) },
		"with_headers": func(L *lua.LState) int {
			if L.Get(1).Type() == lua.LTNumber {
				return sse(L, checkBodyStatus(L, 1), 2, 3)
			}
			return sse(L, 0, 1, 2)
		},
	})
}

// checkBodyStatus returns argument n as the status of an answer with a body.
func checkBodyStatus(L *lua.LState, n int) int {
	status := CheckStatus(L, n)
	if bodyfilter.Bodyless(status) {
		luaval.ArgError(L, n, fmt.Sprintf("status of a response with a body expected, got %d", status))
	}
	return status
}

// checkContentType returns argument n as a Content-Type.
func checkContentType(L *lua.LState, n int) string {
	ctype := luaval.CheckString(L, n)
	switch {
	case strings.ContainsAny(ctype, "\r\n\x00"):
		luaval.ArgError(L, n, "CR, LF and NUL are not allowed in a content type")
	case !httpguts.ValidHeaderFieldValue(ctype):
		luaval.ArgError(L, n, "control characters are not allowed in a content type")
	}
	return ctype
}

func checkRetry(n lua.LNumber) (int, bool) {
	return int(n), n >= 0 && n <= maxRetry && n == lua.LNumber(int(n))
}

// Opening is what an event stream begins with, "" for nothing.
func (s *Stream) Opening() string {
	if s.retry < 0 {
		return ""
	}
	return string(appendEvent(nil, event{retry: s.retry}))
}

// Piece is what a producer has returned.
type Piece struct {
	Bytes string // to send
	More  bool   // it is not nil, the end
	Says  bool   // it has something for the client: not "", and no comment
}

// PieceOf makes a piece of what the producer returned.
func (s *Stream) PieceOf(b luaval.Budget, v lua.LValue) (Piece, error) {
	if v == lua.LNil {
		return Piece{}, nil
	}
	text, isText := pieceText(v)
	table, isTable := v.(*lua.LTable)
	switch {
	case isText && !s.Events:
		return Piece{text, true, text != ""}, nil
	case isText:
		return Piece{string(appendEvent(nil, event{data: text, hasData: true, retry: -1})), true, true}, nil
	case isTable && s.Events:
		e, err := toEvent(b, table)
		if err != nil {
			return Piece{}, fmt.Errorf("%s: the producer of %s returned an event %w", s.Where(), s.name, err)
		}
		return Piece{string(appendEvent(nil, e)), true, e.hasData}, nil
	}
	want := "a string"
	if s.Events {
		want = "a string, an event"
	}
	return Piece{}, fmt.Errorf("%s: the producer of %s returned a %s: %s or nil expected", s.Where(), s.name, luaval.TypeName(v), want)
}

// Where is file:line of the producer's definition.
func (s *Stream) Where() string {
	if s.Producer.IsG {
		return s.name
	}
	return fmt.Sprintf("%s:%d", s.Producer.Proto.SourceName, s.Producer.Proto.LineDefined)
}

// pieceText returns a string, a number or HTML as text.
func pieceText(v lua.LValue) (string, bool) {
	if text, ok := html.Text(v); ok {
		return text, true
	}
	return luaval.StringValue(v)
}

// dataText returns the data of an event as text: any plain value.
func dataText(b luaval.Budget, v lua.LValue) (string, error) {
	if text, ok := pieceText(v); ok {
		return text, nil
	}
	text, err := jsonlua.Append(b, nil, v)
	if err != nil {
		return "", fmt.Errorf("whose data is no plain value: %w", err)
	}
	return string(text), nil
}

// toEvent makes an event of {data =, event =, id =, retry =}.
func toEvent(b luaval.Budget, t *lua.LTable) (event, error) {
	e := event{retry: -1}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		key, _ := k.(lua.LString)
		text, isText := luaval.StringValue(v)
		switch key {
		case "data":
			data, err := dataText(b, v)
			if err != nil {
				return e, err
			}
			e.data, e.hasData, isText = data, true, true
		case "event":
			e.name = text
			if strings.ContainsAny(text, "\r\n\x00") {
				return e, fmt.Errorf("whose event %q contains CR, LF or NUL", text)
			}
		case "id":
			e.id, e.hasID = text, true
			if strings.ContainsAny(text, "\r\n\x00") {
				return e, fmt.Errorf("whose id %q contains CR, LF or NUL", text)
			}
		case "retry":
			n, ok := v.(lua.LNumber)
			if ok {
				e.retry, ok = checkRetry(n)
			}
			if !ok {
				return e, fmt.Errorf("whose retry is not whole milliseconds from 0 to %d", maxRetry)
			}
		default:
			return e, fmt.Errorf("with a field %q: data, event, id and retry expected", k.String())
		}
		if !isText {
			return e, fmt.Errorf("whose %s is a %s: a string expected", string(key), luaval.TypeName(v))
		}
	}
	if e.name != "" && !e.hasData {
		return e, fmt.Errorf(`%q without data, which no client delivers: give it data = ""`, e.name)
	}
	return e, nil
}
