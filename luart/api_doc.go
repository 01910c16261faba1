package luart

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
	"github.com/caddy-rover/rover/luart/openapi/option"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/schema"
)

// docs are what the script says of its routes, by pattern and method: api.users.doc{ post = … }.
type docs map[string]map[string]*routeDoc

type routeDoc struct {
	*openapi.Doc
	where string
	lua   string // as the script has written it
}

// of returns what the script says of a route, nil for nothing.
func (d docs) of(pattern, method string) *openapi.Doc {
	if doc := d[pattern][method]; doc != nil {
		return doc.Doc
	}
	return nil
}

// docMethods are the options of node.doc.
var docMethods = byMethod(option.OfDoc)

// addDoc is node.doc{…}: what the script says of the routes of exactly that place.
func (g *Generation) addDoc(L *lua.LState, n *api.Node) {
	pattern := cmp.Or(n.Path(), "/")
	docMethods.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		method := strings.ToUpper(name)
		written := n.Lua() + ".doc." + name
		t, ok := v.(*lua.LTable)
		if !ok {
			L.RaiseError("%s must be a table, not a %s", written, luaval.TypeName(v))
		}
		if was := g.docs[pattern][method]; was != nil {
			L.RaiseError("%s is given twice; first at %s", written, was.where)
		}
		if g.docs == nil {
			g.docs = docs{}
		}
		if g.docs[pattern] == nil {
			g.docs[pattern] = map[string]*routeDoc{}
		}
		g.docs[pattern][method] = &routeDoc{option.Doc(L, written, t, g.warnings().Of(L)), luaval.CallerLine(L), written}
	})
}

// checkDocs returns an error where the script says something of a route that there is not.
func (g *Generation) checkDocs() *ScriptError {
	var failed *ScriptError
	g.eachDoc(func(pattern, method string, doc *routeDoc) {
		routed := false
		g.tree.Each(func(n *route.Node[*handler]) {
			if n.Pattern == pattern {
				i := route.MethodIndex(strings.ToLower(method))
				routed = routed || n.Handlers[i] != nil || n.Handlers[route.Any] != nil || passedOn(n, i)
			}
		})
		if !routed && failed == nil {
			failed = &ScriptError{Status: http.StatusInternalServerError, Message: fmt.Sprintf(
				"%s: %s: the script has no route %s %s that this could be about", doc.where, doc.lua, method, pattern)}
		}
	})
	return failed
}

// eachDoc calls f for all docs, in order.
func (g *Generation) eachDoc(f func(pattern, method string, doc *routeDoc)) {
	for _, pattern := range slices.Sorted(maps.Keys(g.docs)) {
		for _, method := range slices.Sorted(maps.Keys(g.docs[pattern])) {
			f(pattern, method, g.docs[pattern][method])
		}
	}
}

// OpenAPI describes the routes of the script as a document of OpenAPI 3.1. Any goroutine may call it,
// once the script has loaded.
func (g *Generation) OpenAPI(info openapi.Info) ([]byte, error) {
	var list []openapi.Operation
	g.tree.Each(func(n *route.Node[*handler]) {
		add := func(method string) {
			o := openapi.Operation{Method: method, Pattern: n.Pattern, Doc: g.docs.of(n.Pattern, method), Expects: expectedAt(n, method)}
			g.describeRules(&o, n)
			list = append(list, o)
		}
		for i, h := range n.Handlers {
			name := strings.ToUpper(route.MethodNames[i])
			ofAny := n.Handlers[route.Any] != nil && // what any does is another thing for this method
				(g.docs.of(n.Pattern, name) != nil || i < route.Head && expectedAt(n, name) != expectedAt(n, "ANY"))
			if h != nil || ofAny || passedOn(n, i) {
				add(name)
			}
		}
	})
	return openapi.Write(info, list)
}

// passedOn reports whether the script has no route for a method, but says what requests with it bring:
// they are for the service behind.
func passedOn(n *route.Node[*handler], method int) bool {
	if n.Handlers[method] != nil || n.Handlers[route.Any] != nil {
		return false
	}
	expected := expectedAt(n, strings.ToUpper(route.MethodNames[method]))
	return expected != nil && (method < route.Head || expected != expectedAt(n, "ANY"))
}

// describeRules says which rules cover a place: its own, and those further out.
func (g *Generation) describeRules(o *openapi.Operation, n *route.Node[*handler]) {
	headers := map[string]string{} // where the tokens are that rules learn of
	limited := func(rule *limitRule) {
		o.Limited, o.LimitedByStore = true, o.LimitedByStore || rule.waits
	}
	for _, on := range n.Path {
		for _, h := range on.Before {
			if rule := g.byHook[h.fn]; rule != nil {
				limited(rule)
			}
		}
		for _, h := range on.Rules {
			switch rule := h.rule.(type) {
			case *limitRule:
				limited(rule)
			case *libraryRule:
				if asks, ok := rule.Rule.(lib.TokenRule); ok {
					t := openapi.Token(asks.Token())
					if t.Header != "" {
						headers[rule.Gives()] = t.Header
					} else {
						t.Header = headers[rule.Needs()]
					}
					o.Tokens = append(o.Tokens, t)
				}
			}
			o.Crowded = o.Crowded || h.concurrency != nil
		}
	}
}

// expectingRule is a rule that says what requests bring, by their methods.
type expectingRule interface {
	of(method string) *schema.Request
}

// expectedAt returns what requests with a method are to bring to exactly this place, nil for anything.
func expectedAt(n *route.Node[*handler], method string) *schema.Request {
	for _, h := range n.Rules {
		if e, ok := h.rule.(expectingRule); ok {
			return e.of(method)
		}
	}
	return nil
}
