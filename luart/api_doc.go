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
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
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

// The options of node.doc, and those within.
var (
	docMethods = byMethod(docOptions)
	docOptions = luaval.NewOptions("summary", "description", "tags", "deprecated", "operation_id", "responses", "hidden").
			WithinEach("responses", responseOptions)
	responseOptions = luaval.NewOptions("description", "schema", "example")
)

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
		g.docs[pattern][method] = &routeDoc{g.readDoc(L, written, t), luaval.CallerLine(L), written}
	})
}

// readDoc reads what is said of one route.
func (g *Generation) readDoc(L *lua.LState, what string, t *lua.LTable) *openapi.Doc {
	d := &openapi.Doc{}
	docOptions.EachOf(L, t, what, func(name string, v lua.LValue) {
		at := what + "." + name
		switch name {
		case "summary":
			d.Summary = docText(L, at, v, openapi.MaxSummary)
		case "description":
			d.Description = docText(L, at, v, openapi.MaxDescription)
		case "operation_id":
			d.OperationID = docText(L, at, v, openapi.MaxSummary)
		case "deprecated":
			d.Deprecated = docFlag(L, at, v)
		case "hidden":
			d.Hidden = docFlag(L, at, v)
		case "tags":
			d.Tags = docTags(L, at, v)
		case "responses":
			d.Responses = g.docResponses(L, at, v)
		}
	})
	return d
}

func docText(L *lua.LState, what string, v lua.LValue, most int) string {
	text, ok := v.(lua.LString)
	if !ok || text == "" || len(text) > most {
		L.RaiseError("%s must be a text of 1 to %d bytes", what, most)
	}
	return string(text)
}

func docFlag(L *lua.LState, what string, v lua.LValue) bool {
	if v != lua.LTrue && v != lua.LFalse {
		L.RaiseError("%s must be a boolean, not a %s", what, luaval.TypeName(v))
	}
	return v == lua.LTrue
}

func docTags(L *lua.LState, what string, v lua.LValue) (tags []string) {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s must be a list of texts, not a %s", what, luaval.TypeName(v))
	}
	for i := 1; t.RawGetInt(i) != lua.LNil; i++ {
		if i > openapi.MaxTags {
			L.RaiseError("%s: at most %d", what, openapi.MaxTags)
		}
		tags = append(tags, docText(L, fmt.Sprintf("%s[%d]", what, i), t.RawGetInt(i), openapi.MaxSummary))
	}
	return tags
}

// docResponses reads { [201] = { description = …, example = … } }.
func (g *Generation) docResponses(L *lua.LState, what string, v lua.LValue) (list []openapi.Response) {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s must be a table by status, not a %s", what, luaval.TypeName(v))
	}
	var p luaval.Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		n, _ := k.(lua.LNumber)
		r := openapi.Response{Status: int(n)}
		if lua.LNumber(r.Status) != n || r.Status < 100 || r.Status > 599 {
			L.RaiseError("%s: %s is no status: a number from 100 to 599 expected", what, k)
		}
		if len(list) == openapi.MaxResponses {
			L.RaiseError("%s: at most %d", what, openapi.MaxResponses)
		}
		at := fmt.Sprintf("%s[%d]", what, r.Status)
		of, ok := v.(*lua.LTable)
		if !ok {
			L.RaiseError("%s must be a table, not a %s", at, luaval.TypeName(v))
		}
		responseOptions.EachOf(L, of, at, func(name string, v lua.LValue) { g.readResponse(L, at+"."+name, &r, name, v) })
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b openapi.Response) int { return a.Status - b.Status })
	return list
}

func (g *Generation) readResponse(L *lua.LState, what string, r *openapi.Response, name string, v lua.LValue) {
	switch name {
	case "description":
		r.Description = docText(L, what, v, openapi.MaxDescription)
	case "schema":
		r.Schema = expect.Read(L, what, v, g.warnings().Of(L))
	case "example":
		data, _, err := luaval.CopyData(v, luaval.MaxDataBytes)
		if err != nil {
			L.RaiseError("%s: %s", what, err.Error())
		}
		r.Example, r.HasExample = luaval.GoValue(data), true
	}
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
