package response

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/resilience"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/urltext"
)

// Builders are what gives a script api.json, api.text and what else makes responses.
type Builders struct {
	API       *api.API
	Templates *html.Templates
	// Push pushes a response as scripts see it.
	Push func(L *lua.LState, r Response) int
	// CheckUpstream says whether api.proxy may be given an address. nil: any.
	CheckUpstream func(address string) error

	// Guard is what is known of upstreams that fail.
	Guard *resilience.Guard
}

// Add adds the builders.
func (o Builders) Add() {
	add := o.API.AddBuilder
	// A response's body and type are what content(at) makes of argument at, and what of the arguments
	// from more on says of the response is its status and headers.
	simple := func(name string, more int, content func(L *lua.LState, at int) (body []byte, ctype string)) {
		add(name, func(L *lua.LState) int {
			r := Response{Status: 200, ByDefault: true}
			r.Body, r.Type = content(L, 1)
			r.checkMore(L, more)
			return o.Push(L, r)
		}, map[string]lua.LGFunction{"status": func(L *lua.LState) int {
			r := Response{Status: CheckStatus(L, 1)}
			r.Body, r.Type = content(L, 2)
			return o.Push(L, r)
		}})
	}
	simple("json", 2, func(L *lua.LState, at int) ([]byte, string) {
		body, err := jsonlua.Append(luaval.BudgetOf(L), nil, luaval.CheckAny(L, at))
		if err != nil {
			L.RaiseError("api.json: %s", err.Error())
		}
		return body, TypeJSON
	})
	simple("text", 2, func(L *lua.LState, at int) ([]byte, string) { return []byte(luaval.CheckText(L, at)), typeText })
	simple("raw", 3, func(L *lua.LState, at int) ([]byte, string) {
		body := []byte(luaval.CheckString(L, at))
		switch L.Get(at + 1).(type) {
		case *lua.LNilType:
			return body, typeRaw
		case lua.LNumber:
			luaval.ArgError(L, at+1, "content type expected, got number; the status comes behind it")
		}
		return body, checkContentType(L, at+1)
	})
	add("html", func(L *lua.LState) int { return o.html(L, Response{Status: 200, ByDefault: true}, 1, 2) },
		map[string]lua.LGFunction{"status": func(L *lua.LState) int { return o.html(L, Response{Status: CheckStatus(L, 1)}, 2, 0) }})
	redirect := func(status func(*lua.LState) int, at, more int) lua.LGFunction {
		return func(L *lua.LState) int {
			r := Response{Status: status(L)}
			url := luaval.CheckString(L, at)
			if url == "" || strings.ContainsFunc(url, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
				luaval.ArgError(L, at, "URL without control characters expected, got "+strconv.Quote(url))
			}
			r.HeaderMap()["Location"] = []string{urltext.EscapeReference(url)}
			if more > 0 {
				if L.Get(more) != lua.LNil {
					r.Status = checkRedirect(L, more)
				}
				r.checkMoreHeaders(L, more+1)
			}
			return o.Push(L, r)
		}
	}
	always := func(status int) func(*lua.LState) int { return func(*lua.LState) int { return status } }
	add("redirect", redirect(always(302), 1, 2), map[string]lua.LGFunction{
		"permanent": redirect(always(301), 1, 0),
		"status":    redirect(func(L *lua.LState) int { return checkRedirect(L, 1) }, 2, 0),
	})
	o.API.AddColonBuilder("error", "api:error(status, message)", func(L *lua.LState) int {
		status := CheckStatus(L, 1)
		message, headers := checkErrorValue(L, 2)
		r := Error(status, message)
		if raised, ok := L.Get(2).(*lua.LTable); ok {
			faults := scripterror.Faults(luaval.BudgetOf(L), raised)
			if r = Faults(status, message, faults); faults != nil && expect.FaultsOf(raised) != nil {
				r = Invalid(status, faults)
			}
		}
		if headers != nil {
			r.SetAll(headers)
		}
		more, handle := checkErrorOptions(L, 3)
		if more != nil {
			r.SetAll(more)
		}
		if handle {
			if r.Status < 400 {
				luaval.ArgError(L, 1, "status between 400 and 599 expected for handle = true, got "+strconv.Itoa(r.Status))
			}
			r.Raised = &scripterror.Error{Status: r.Status, Message: message, Deliberate: true, Handle: true}
		}
		return o.Push(L, r)
	})
	o.API.AddColonBuilder(chunk.NodeBuilder, "api:at(pattern)", o.API.At)
	o.addStreams()
	add("no_content", func(L *lua.LState) int { return o.Push(L, Response{Status: 204}) }, nil)
	add("pass", func(L *lua.LState) int { return o.Push(L, Response{Decision: Pass, Status: 200}) }, nil)
	add("proxy", func(L *lua.LState) int {
		return o.Push(L, Response{Decision: Proxy, Status: 200, Proxy: proxy.Check(L, 1, "api.proxy", o.CheckUpstream, o.Guard)})
	}, nil)
}

// html is api.html(s), and api.html(data)[[template]]. Status and headers are what the arguments from
// more on say, if that is not 0.
func (o Builders) html(L *lua.LState, r Response, at, more int) int {
	r.Type = TypeHTML
	if more > 0 {
		r.checkMore(L, more)
	}
	if data, ok := L.Get(at).(*lua.LTable); ok {
		L.Push(L.NewFunction(func(L *lua.LState) int {
			text, err := o.Templates.Render(L, data, luaval.CheckString(L, 1))
			if err != nil {
				L.RaiseError("%s", err.Error())
			}
			r := r // the template may be filled in again
			r.Header = r.Header.Clone()
			r.Body = []byte(text)
			return o.Push(L, r)
		}))
		return 1
	}
	text, ok := html.Text(L.Get(at))
	if !ok {
		text = luaval.CheckText(L, at)
	}
	r.Body = []byte(text)
	return o.Push(L, r)
}
