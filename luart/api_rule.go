package luart

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/request"
)

// maxRules bounds the limits of a script, of both kinds together.
const maxRules = 1000

// ruleNameAt counts a rule of a node, and returns its name: what the script has said, or the path,
// where others of its kind are numbered.
func (g *Generation) ruleNameAt(L *lua.LState, n *api.Node, kind, name string) string {
	if g.rules++; g.rules > maxRules {
		L.RaiseError("a script has at most %d limits", maxRules)
	}
	others := 0
	for _, rule := range n.Rules {
		if rule.Kind == kind {
			others++
		}
	}
	switch {
	case name != "":
		return name
	case others > 0:
		return fmt.Sprint(n.Path(), " ", others+1)
	}
	return n.Path()
}

// ruleName returns what a script calls a rule, "" where that is no name. ruleNames says what is
// one.
func ruleName(v lua.LValue) string {
	if text, ok := v.(lua.LString); ok && len(text) <= 128 {
		return string(text)
	}
	return ""
}

const ruleNames = "a text of 1 to 128 bytes"

// keyNames are what requestKey knows.
const keyNames = `"ip", "route", "header:<name>", "cookie:<name>"`

// requestKey returns how the key of a request is found; nil: what says no way. It reads headers and
// cookies as scripts do, whose guards know the client by them: the first value counts. Of a header
// that may be there once, and is there several times, no value does.
func requestKey(what lua.LValue) func(x *Exchange) string {
	text, _ := what.(lua.LString)
	kind, name, _ := strings.Cut(string(text), ":")
	switch {
	case text == "ip":
		return addressKey
	case text == "route":
		return routeKey
	case kind == "header" && httpguts.ValidHeaderFieldName(name):
		name = http.CanonicalHeaderKey(name)
		return func(x *Exchange) string {
			if value, ok := request.OneHeader(x.r, name); ok {
				return "header:" + value
			}
			return addressKey(x)
		}
	case kind == "cookie" && name != "" && !strings.ContainsAny(name, "=;, \t\r\n"):
		return func(x *Exchange) string {
			if value, ok := request.FirstCookie(x.r, name); ok {
				return "cookie:" + value
			}
			return addressKey(x)
		}
	}
	return nil
}

// routeKey is one for all requests.
func routeKey(*Exchange) string { return "" }

// addressKey is the client's address. Who has no cookie or header is counted by it, too.
func addressKey(x *Exchange) string { return "ip:" + limit.AddressKey(x.host.ClientIP(x.r)) }
