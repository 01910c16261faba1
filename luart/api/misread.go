package api

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// misread is what a script has got for a key that is no segment, while it loaded.
type misread struct {
	node *Node
	list string // "before" or "after" where the key is one of that list; empty: of the node
	key  string
}

// noteRead remembers what a script reads from a node that is no node: if it goes on as if it
// were, gopher-lua's message says no more than that a nil has no keys.
func (a *API) noteRead(L *lua.LState, m misread) {
	const most = 1000
	if a.closed || len(a.misreads) >= most {
		return
	}
	if a.misreads == nil {
		a.misreads = map[misreadAt]misread{}
	}
	a.misreads[misreadAt{luaval.CallerLine(L), m.key}] = m
}

// misreadAt is where a script reads which key.
type misreadAt struct{ where, key string }

// ExplainMisread says of a message about a key of nil or of a function what was taken for a segment,
// where that is sure; "" where it is not. names is asked for what the script's names stand for.
func (a *API) ExplainMisread(message string, sources *chunk.Files, names func() *hint.Names) string {
	file, line, message := sources.Position(message)
	key, indexed := hint.IndexedKey(message)
	if file == nil || !indexed && message != hint.NotFunction {
		return ""
	}
	h := hint.Finder{Names: names(), Sites: file.Sites(), Line: line}
	if !indexed {
		for _, s := range h.Sites.Calls[line] {
			if m, ok := a.misreadOf(h.Origin(s.Expr, s.Scope), file.Name); ok {
				if text := m.meantHook(); text != "" {
					return fmt.Sprintf("%s:%d: %s", file.Name, line, text)
				}
			}
		}
		return ""
	}
	var found []misread
	for _, s := range h.Sites.Indexes[line] {
		if s.Keyed && s.Key != key {
			continue
		}
		m, ok := a.misreadOf(h.Origin(s.Expr, s.Scope), file.Name)
		if ok {
			found = append(found, m)
		} else if _, node := chunk.Below(s.Expr, s.Scope); !node { // a node can be indexed
			return ""
		}
	}
	if len(found) != 1 {
		return ""
	}
	return fmt.Sprintf("%s:%d: %s", file.Name, line, found[0].message(key))
}

// misreadOf returns what an expression in a file has read.
func (a *API) misreadOf(e ast.Expr, file string) (m misread, ok bool) {
	if get, isGet := e.(*ast.AttrGetExpr); isGet {
		if key, isString := get.Key.(*ast.StringExpr); isString {
			m, ok = a.misreads[misreadAt{fmt.Sprintf("%s:%d", file, get.Line()), key.Value}]
		}
	}
	return m, ok
}

// message is about a field of what the key is taken for.
func (m misread) message(key string) string {
	n, what := m.node, ""
	wrong, path := n.Lua()+luaKey(m.key)+luaKey(key), n.Path()+"/"+escapeSegment(m.key)
	switch {
	case m.list != "":
		wrong = n.Lua() + "." + m.list + luaKey(m.key) + luaKey(key)
		path = n.Path() + "/" + m.list + "/" + escapeSegment(m.key)
		what = fmt.Sprintf("%s.%s is the list of %[2]s hooks, which holds functions", n.Lua(), m.list)
	case m.key == "ws":
		what = "ws is kept for WebSocket handlers and is no segment"
	case m.key == route.MethodNames[route.Any]:
		what = "any is the handler of all methods and no segment"
	default:
		what = fmt.Sprintf("%s is the handler of %s and no segment", m.key, strings.ToUpper(m.key))
	}
	return fmt.Sprintf("%s: %s; for the path %s write %s%s", wrong, what, path, AtCall(path), luaKey(key))
}
