package luart

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Some segments cannot be written as a field of api: get, post, before and their like mean
// something at every node, json, error, on_start and their like directly on api, and p_ and w_
// begin a pattern. api:at("/users/:id/delete") names every node there is, by its path.

// segment is one segment of a pattern.
type segment struct {
	kind route.Kind
	name string // decoded; of a parameter or a wildcard its name
}

// parsePattern reads the pattern of api:at: a path as it is written in a URL, where :name is a
// parameter and *name, in the last place, a wildcard. "/" has no segments; "/a/" has two, the
// second of which is empty. The error says what cannot be meant. Any goroutine may call it.
func parsePattern(pattern string) ([]segment, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("a pattern begins with a slash")
	}
	if i := strings.IndexAny(pattern, "?#"); i >= 0 {
		return nil, fmt.Errorf("a pattern is a path, without a query; a segment has a %c as %%%02X", pattern[i], pattern[i])
	}
	if pattern == "/" {
		return nil, nil
	}
	parts := strings.Split(pattern[1:], "/")
	list := make([]segment, 0, len(parts))
	for i, part := range parts {
		s, err := parseSegment(part)
		if err != nil {
			return nil, err
		}
		if s.kind == route.Wildcard && i < len(parts)-1 {
			return nil, fmt.Errorf("%q takes the rest of the path, nothing can follow it; a segment that begins with * has it as %%2A", part)
		}
		list = append(list, s)
	}
	return list, nil
}

func parseSegment(part string) (segment, error) {
	if part != "" && (part[0] == ':' || part[0] == '*') {
		kind, what := route.Parameter, "parameter"
		if part[0] == '*' {
			kind, what = route.Wildcard, "wildcard"
		}
		if name := part[1:]; name == "" || chunk.Word(name) != name {
			return segment{}, fmt.Errorf("%q: a %s is a whole segment, and its name consists of letters, digits and _; "+
				"a segment that begins with %c has it as %%%02X", part, what, part[0], part[0])
		}
		return segment{kind, part[1:]}, nil
	}
	if len(part) > 2 && part[0] == '{' && part[len(part)-1] == '}' {
		return segment{}, fmt.Errorf("%q: a parameter is written :%s; a segment that begins with { has it as %%7B", part, part[1:len(part)-1])
	}
	name, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return segment{}, fmt.Errorf("%q: a percent sign begins an escape such as %%20; a segment has one as %%25", part)
	case strings.Contains(name, "/"):
		return segment{}, fmt.Errorf("%q: a segment cannot hold a slash; a parameter, :name, matches one that does", part)
	case name == "." || name == "..":
		return segment{}, fmt.Errorf("%q: clients resolve . and .. before they ask", part)
	}
	return segment{route.Static, name}, nil
}

// pattern is the node's part of a route, as api:at reads it.
func (n *apiNode) pattern() string {
	switch n.kind {
	case route.Parameter:
		return "/:" + n.name
	case route.Wildcard:
		return "/*" + n.name
	}
	return "/" + escapeSegment(n.name)
}

// escapeSegment writes a segment so that parseSegment reads it: what is no text, or means
// something in a pattern, is escaped. Any goroutine may call it.
func escapeSegment(name string) string {
	var out strings.Builder
	for i, r := range name {
		_, size := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < 0x20, r == 0x7f, r == '%', r == '?', r == '#', r == '/',
			i == 0 && (r == ':' || r == '*' || r == '{'):
			fmt.Fprintf(&out, "%%%02X", name[i])
		default:
			out.WriteString(name[i : i+size])
		}
	}
	return out.String()
}

// pathOf is n as a route shows it: "/users/:id"; empty for api.
func (n *apiNode) pathOf() string {
	if n.parent == nil {
		return ""
	}
	return n.parent.pathOf() + n.pattern()
}

// lua is the node as a script writes it.
func (n *apiNode) lua() string {
	if n.parent == nil {
		return "api"
	}
	key := n.name
	switch n.kind {
	case route.Parameter:
		key = "p_" + key
	case route.Wildcard:
		key = "w_" + key
	default:
		if n.parent.takes(key) {
			return AtCall(n.pathOf())
		}
	}
	return n.parent.lua() + luaKey(key)
}

// luaKey is the access to a field: ".x", or ["well-known"]. Any goroutine may call it.
func luaKey(key string) string {
	if key == "" || chunk.Word(key) != key || '0' <= key[0] && key[0] <= '9' || slices.Contains(keywords, key) {
		return "[" + luaval.Quote(key) + "]"
	}
	return "." + key
}

// keywords are Lua's words that are no names.
var keywords = []string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while",
}

// AtCall is the call of api:at for a path. Any goroutine may call it.
func AtCall(path string) string { return "api:at(" + luaval.Quote(path) + ")" }

// insteadOf ends the message about a reserved key of n that was meant to be a segment.
func (n *apiNode) insteadOf(key string) string {
	path := n.pathOf() + "/" + escapeSegment(key)
	return fmt.Sprintf("; for the path %s write %s", path, AtCall(path))
}

// meantPath is insteadOf for a table that is assigned to a reserved key: only a segment has fields.
func (n *apiNode) meantPath(key string, value lua.LValue) string {
	if value.Type() != lua.LTTable {
		return ""
	}
	return n.insteadOf(key)
}

// takes reports whether a key of n is no segment: n[key] is something else.
func (n *apiNode) takes(key string) bool {
	switch {
	case route.MethodIndex(key) >= 0, key == "before", key == "after", key == "ws",
		strings.HasPrefix(key, "p_"), strings.HasPrefix(key, "w_"):
		return true
	case n.parent != nil:
		return false
	}
	return n.gen.builders[key] != nil || n.gen.lifeHooks[key] != nil
}

// at is api:at(pattern): the node of a path, made if need be. It has no builders, also where it
// is that of "/".
func (g *Generation) at(L *lua.LState) int {
	pattern, ok := L.Get(1).(lua.LString)
	if !ok {
		luaval.ArgTypeError(L, 1, "string")
	}
	segments, err := parsePattern(string(pattern))
	if err != nil {
		L.RaiseError("api:at(%s): %s", luaval.Quote(string(pattern)), err.Error())
	}
	n := g.api.Value.(*apiNode)
	for _, s := range segments {
		n = n.place(L, s.kind, s.name, "api:at("+luaval.Quote(string(pattern))+")")
		n.spelled = true
	}
	L.Push(n.ud)
	return 1
}

// misread is what a script has got for a key that is no segment, while it loaded.
type misread struct {
	node *apiNode
	list string // "before" or "after" where the key is one of that list; empty: of the node
	key  string
}

// noteRead remembers what a script reads from a node that is no node: if it goes on as if it
// were, gopher-lua's message says no more than that a nil has no keys.
func (g *Generation) noteRead(L *lua.LState, m misread) {
	const most = 1000
	if g.tree != nil || len(g.misreads) >= most {
		return
	}
	if g.misreads == nil {
		g.misreads = map[misreadAt]misread{}
	}
	g.misreads[misreadAt{luaval.CallerLine(L), m.key}] = m
}

// misreadAt is where a script reads which key.
type misreadAt struct{ where, key string }

// explainMisread makes the message about a key of nil or of a function say what was taken for
// a segment, where that is sure. Only the holder may call it.
func (g *Generation) explainMisread(err *ScriptError) {
	file, line, message := g.sources.Position(err.Message)
	key, indexed := hint.IndexedKey(message)
	if file == nil || !indexed {
		return
	}
	h := hint.Finder{Names: g.names(), Sites: file.Sites(), Line: line}
	var found []misread
	for _, s := range h.Sites.Indexes[line] {
		if s.Keyed && s.Key != key {
			continue
		}
		m, ok := g.misreadOf(h.Origin(s.Expr, s.Scope), file.Name)
		if ok {
			found = append(found, m)
		} else if _, node := chunk.Below(s.Expr, s.Scope); !node { // a node can be indexed
			return
		}
	}
	if len(found) != 1 {
		return
	}
	err.Message = fmt.Sprintf("%s:%d: %s", file.Name, line, found[0].message(key))
}

// misreadOf returns what an expression in a file has read.
func (g *Generation) misreadOf(e ast.Expr, file string) (m misread, ok bool) {
	if get, isGet := e.(*ast.AttrGetExpr); isGet {
		if key, isString := get.Key.(*ast.StringExpr); isString {
			m, ok = g.misreads[misreadAt{fmt.Sprintf("%s:%d", file, get.Line()), key.Value}]
		}
	}
	return m, ok
}

// message is about a field of what the key is taken for.
func (m misread) message(key string) string {
	n, what := m.node, ""
	wrong, path := n.lua()+luaKey(m.key)+luaKey(key), n.pathOf()+"/"+escapeSegment(m.key)
	switch {
	case m.list != "":
		wrong = n.lua() + "." + m.list + luaKey(m.key) + luaKey(key)
		path = n.pathOf() + "/" + m.list + "/" + escapeSegment(m.key)
		what = fmt.Sprintf("%s.%s is the list of %[2]s hooks, which holds functions", n.lua(), m.list)
	case m.key == "ws":
		what = "ws is kept for WebSocket handlers and is no segment"
	case m.key == route.MethodNames[route.Any]:
		what = "any is the handler of all methods and no segment"
	default:
		what = fmt.Sprintf("%s is the handler of %s and no segment", m.key, strings.ToUpper(m.key))
	}
	return fmt.Sprintf("%s: %s; for the path %s write %s%s", wrong, what, path, AtCall(path), luaKey(key))
}
