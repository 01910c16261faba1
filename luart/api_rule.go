package luart

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/request"
)

// maxRules bounds the rules of a script, of all kinds together: limit, concurrency, cors, expect,
// static, and those of libraries. doc is no rule.
const maxRules = 1000

// ruleNameAt counts a rule of a node, and returns its name: what the script has said, or the path,
// where others of its kind are numbered.
func (g *Generation) ruleNameAt(L *lua.LState, n *api.Node, kind, name string) string {
	if g.rules++; g.rules > maxRules {
		L.RaiseError("%s: a script has at most %d rules of places, of all kinds together", kind, maxRules)
	}
	others := 0
	for _, rule := range n.Rules {
		if rule.Kind == kind {
			others++
		}
	}
	path := cmp.Or(n.Path(), "/") // which the root does not have
	switch {
	case name != "":
		return name
	case others > 0:
		return fmt.Sprint(path, " ", others+1)
	}
	return path
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
const keyNames = `"ip", "route", "header:<name>", "cookie:<name>", "jwt:<claim>"`

// ruleKey is how the key of a request is found. It is empty where the script's words say no way.
type ruleKey struct {
	of    func(x *Exchange) string
	claim string // the claim of a token that it is; "": none
}

// claimOf returns the claim that is the key of a rule, "" if none is.
func claimOf(rule any) string {
	switch rule := rule.(type) {
	case *limitRule:
		return rule.key.claim
	case *concurrencyRule:
		return rule.key.claim
	}
	return ""
}

// requestKey returns how the key of a request is found. It reads headers and cookies as scripts do,
// whose guards know the client by them: the first value counts. Of a header that may be there once,
// and is there several times, no value does. A claim is one of the innermost token that a rule auth
// has checked.
func requestKey(what lua.LValue) ruleKey {
	text, _ := what.(lua.LString)
	kind, name, _ := strings.Cut(string(text), ":")
	switch {
	case text == "ip":
		return ruleKey{of: addressKey}
	case text == "route":
		return ruleKey{of: routeKey}
	case kind == "jwt" && name != "" && len(name) <= 128:
		return ruleKey{claim: name, of: func(x *Exchange) string {
			if facts, _ := x.Known(); facts != nil {
				if value, ok := facts.Text(name); ok {
					return "jwt:" + value
				}
			}
			return addressKey(x)
		}}
	case kind == "header" && httpguts.ValidHeaderFieldName(name):
		name = http.CanonicalHeaderKey(name)
		return ruleKey{of: func(x *Exchange) string {
			if value, ok := request.OneHeader(x.r, name); ok {
				return "header:" + value
			}
			return addressKey(x)
		}}
	case kind == "cookie" && name != "" && !strings.ContainsAny(name, "=;, \t\r\n"):
		return ruleKey{of: func(x *Exchange) string {
			if value, ok := request.FirstCookie(x.r, name); ok {
				return "cookie:" + value
			}
			return addressKey(x)
		}}
	}
	return ruleKey{}
}

// routeKey is one for all requests.
func routeKey(*Exchange) string { return "" }

// addressKey is the client's address. Who has no cookie or header is counted by it, too.
func addressKey(x *Exchange) string { return "ip:" + limit.AddressKey(x.host.ClientIP(x.r)) }
