package luart

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/jsonlua"
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
	of    func(x *Exchange) (string, error) // the error is an *UnclearKeyError
	claim string                            // the claim of a token that it is; "": none
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

// UnclearKeyError says that a request has several values of what it is counted by. Who is behind may
// know the client by another one than a script does.
type UnclearKeyError struct{ Key string }

func (e *UnclearKeyError) Error() string { return "several values of " + e.Key }

// Answer implements Refusal.
func (e *UnclearKeyError) Answer() (status int, header http.Header, body []byte) {
	return http.StatusBadRequest, nil, append(jsonlua.AppendString([]byte(`{"error":`), e.Text()), '}')
}

// Text is what clients are told.
func (e *UnclearKeyError) Text() string {
	kind, name, _ := strings.Cut(e.Key, ":")
	return fmt.Sprintf("Several values of the %s %s", kind, name)
}

// requestKey returns how the key of a request is found. Headers and cookies that are there several
// times must always be the same. A claim is one of the innermost token that a rule auth has checked.
func requestKey(what lua.LValue) ruleKey {
	text, _ := what.(lua.LString)
	kind, name, _ := strings.Cut(string(text), ":")
	switch {
	case text == "ip":
		return ruleKey{of: addressKey}
	case text == "route":
		return ruleKey{of: routeKey}
	case kind == "jwt" && isClaim(name):
		return ruleKey{claim: name, of: func(x *Exchange) (string, error) {
			if facts, _ := x.Known(); facts != nil {
				if value, ok := facts.Text(name); ok && value != "" {
					return "jwt:" + value, nil
				}
			}
			return addressKey(x)
		}}
	case kind == "header" && httpguts.ValidHeaderFieldName(name):
		name = http.CanonicalHeaderKey(name)
		return valueKey(kind, name, request.HeaderOnce)
	case kind == "cookie" && name != "" && !strings.ContainsAny(name, "=;, \t\r\n"):
		return valueKey(kind, name, request.CookieOnce)
	}
	return ruleKey{}
}

// valueKey is a value of requests that clients choose. Who has none is counted by the address.
func valueKey(kind, name string, read func(*http.Request, string) (value string, ok, isClear bool)) ruleKey {
	return ruleKey{of: func(x *Exchange) (string, error) {
		value, ok, isClear := read(x.r, name)
		switch {
		case !isClear:
			return "", &UnclearKeyError{kind + ":" + name}
		case ok:
			return kind + ":" + value, nil
		}
		return addressKey(x)
	}}
}

// isClaim reports whether a text is the name of a claim, or names that lead to one.
func isClaim(name string) bool {
	return name != "" && len(name) <= 128 && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") && !strings.Contains(name, "..")
}

// routeKey is one for all requests.
func routeKey(*Exchange) (string, error) { return "", nil }

// addressKey is the client's address.
func addressKey(x *Exchange) (string, error) {
	return "ip:" + limit.AddressKey(x.host.ClientIP(x.r)), nil
}
