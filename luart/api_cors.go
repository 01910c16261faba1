package luart

import (
	"errors"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/cors"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// corsRule is api.admin.cors{…}, or what the options of rover.server say for everything: which
// pages of other sites may read the answers of a place, and of what is below and has no rule of its
// own.
type corsRule struct {
	policy *cors.Policy // nil: it is off
	ask    *handler     // the function that is asked about each origin; nil: the policy has them
	at     []route.Step // its place
}

// corsOptions are those of node.cors.
var corsOptions = luaval.NewOptions("origin", "methods", "headers", "credentials", "max_age", "expose")

// corsReader reads the options of a rule. Of rover.server they are named after those of a node,
// cors_origin after origin.
type corsReader struct {
	cors.Options
	ask *lua.LFunction
	on  bool // there is an origin
}

func newCORSReader() *corsReader {
	return &corsReader{Options: cors.Options{MaxAge: cors.DefaultMaxAge}}
}

// read reads an option of a node. want says what it is to be instead.
func (c *corsReader) read(name string, v lua.LValue) (want string) {
	switch name {
	case "origin":
		if fn, ok := v.(*lua.LFunction); ok {
			c.ask, c.Asked, c.on = fn, true, true
			return ""
		}
		if v == lua.LFalse {
			return ""
		}
		c.on = true
		if text, ok := v.(lua.LString); ok {
			c.Origins = []string{string(text)}
		} else if c.Origins, ok = textList(v); !ok {
			return `"*", an origin, a list of origins, a function or false`
		}
	case "methods", "headers", "expose":
		list, ok := textList(v)
		if text, isText := v.(lua.LString); isText {
			list, ok = splitNames(string(text)), true
		}
		if !ok {
			return "a list of names, or names with commas between them"
		}
		switch name {
		case "methods":
			c.Methods = list
		case "headers":
			c.Headers = list
		case "expose":
			c.Expose = list
		}
	case "credentials":
		if v != lua.LTrue && v != lua.LFalse {
			return "a boolean"
		}
		c.Credentials = v == lua.LTrue
	case "max_age":
		n, _ := v.(lua.LNumber)
		if c.MaxAge = int(n); v.Type() != lua.LTNumber || lua.LNumber(c.MaxAge) != n || n < 0 || n > cors.LongestAge {
			return "whole seconds, 0 to 86400,"
		}
	}
	return ""
}

// splitNames are the names of a text that has commas between them.
func splitNames(text string) (list []string) {
	list = []string{}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// textList returns a list of strings; false: it is none.
func textList(v lua.LValue) (list []string, ok bool) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, false
	}
	n := t.Len()
	if n > cors.MaxOrigins+1 {
		n = cors.MaxOrigins + 1 // which is too many
	}
	list = make([]string, 0, n)
	for i := 1; i <= n; i++ {
		text, ok := t.RawGetInt(i).(lua.LString)
		if !ok {
			return nil, false
		}
		list = append(list, string(text))
	}
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		if _, ok := k.(lua.LNumber); !ok {
			return nil, false
		}
	}
	return list, true
}

// addCORS is node.cors{…}.
func (g *Generation) addCORS(L *lua.LState, n *api.Node) {
	c := newCORSReader()
	corsOptions.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		luaval.CheckOption(L, 1, name, v, c.read(name, v))
	})
	policy, err := c.policy()
	var wrong *cors.OptionError
	switch {
	case errors.Is(err, cors.ErrAnyWithCredentials):
		luaval.ArgError(L, 1, `origin = "*" with credentials = true lets any site read what the user can: name the origins`)
	case errors.As(err, &wrong):
		luaval.ArgError(L, 1, "option '"+wrong.Option+"': "+wrong.Err.Error())
	}
	g.putCORS(L, n, c, policy, luaval.CallerLine(L))
}

// addServerCORS has the options of rover.server hold for everything.
func (g *Generation) addServerCORS(L *lua.LState, c *corsReader) {
	if !c.on {
		return
	}
	policy, err := c.policy()
	var wrong *cors.OptionError
	switch {
	case errors.Is(err, cors.ErrAnyWithCredentials):
		L.RaiseError("rover.server: strict_mode blocks cors_origin='*' with cors_credentials=true. " +
			"Set a specific origin, or set allow_wildcard_cors_credentials = true")
	case errors.As(err, &wrong):
		option := wrong.Option
		if option == "expose" {
			option = "expose_headers"
		}
		L.RaiseError("rover.server: option cors_%s: %s", option, wrong.Err.Error())
	}
	at := luaval.CallerLine(L)
	if c.Credentials && len(c.Origins) == 1 && c.Origins[0] == "*" {
		g.logger.Warn("any site may read what the users of this one can: allow_wildcard_cors_credentials is set", zap.String("at", at))
	}
	g.putCORS(L, g.api.Root, c, policy, at)
}

// policy makes the policy of the options; nil: it is off.
func (c *corsReader) policy() (*cors.Policy, error) {
	if !c.on {
		return nil, nil
	}
	return cors.New(c.Options)
}

func (g *Generation) putCORS(L *lua.LState, n *api.Node, c *corsReader, policy *cors.Policy, where string) {
	for _, other := range n.Rules {
		if other.Kind == "cors" {
			L.RaiseError("%s has its rule of cors already, at %s", n.Lua(), other.Where)
		}
	}
	rule := &corsRule{policy: policy}
	for at := n; at.Parent != nil; at = at.Parent {
		rule.at = append(rule.at, route.Step{Kind: at.Kind, Name: at.Name})
	}
	slices.Reverse(rule.at)
	if c.ask != nil {
		d := api.Definition{Name: "cors", Fn: c.ask, Where: where}
		rule.ask = newHook(d, "cors at "+place(n))
		rule.ask.noCtx = c.ask.Proto != nil && c.ask.Proto.NumParameters < 2 && c.ask.Proto.IsVarArg == 0
	}
	g.hasCORS = true
	n.Rules = append(n.Rules, api.Rule{Kind: "cors", Name: g.ruleNameAt(L, n, "cors", ""), Where: where, Rule: rule})
}

// place is a node as routes show it.
func place(n *api.Node) string {
	if path := n.Path(); path != "" {
		return path
	}
	return "/"
}

// isAbove reports whether the place of another rule is below that of c: there it holds in its
// stead.
func (c *corsRule) isAbove(other *corsRule) bool {
	return len(c.at) < len(other.at) && slices.Equal(c.at, other.at[:len(c.at)])
}
