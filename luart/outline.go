package luart

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Outline is what a script has defined, for tools that look at it. It belongs to the holder of
// the script's VM.
type Outline struct {
	Name      string         // of the script, in messages
	Files     *chunk.Files   // what was loaded
	Names     *hint.Names    // what the names in them stand for
	API       *APINode       // nil: the script has not called rover.server
	Overrides []api.Override // definitions that took the place of others
	Hooks     []string       // names of functions directly on api, beside on_error
	// DoneMethods are the methods of ctx that done hooks may use.
	DoneMethods []string
	// Options are those of the functions that take a table of them: by the function as scripts
	// write it, "api.proxy", "ctx:mirror", "rover.http.get", or by the type of its object,
	// "cache:fetch".
	Options map[string]luaval.OptionsAt
}

// APINode is a place below api, as the script has defined it.
type APINode struct {
	Parent   *APINode // nil: it is api
	Kind     route.Kind
	Name     string // the segment, or the parameter's name
	At       string // file:line of its first mention
	Spelled  bool   // by api:at, whose segments are what they look like
	Path     string // "/users/:id"; empty for api
	Lua      string // as a script writes it
	Children []*APINode
	Handlers [route.MethodCount]Definition
	Before   []Definition
	After    []Definition
	Done     []Definition

	node *api.Node
}

// Definition is a function that a script assigned below api; the zero one is none.
type Definition struct {
	Name string
	At   string // file:line of the assignment
	File string // of the function, which begins in Line; empty: it is none of Lua's
	Line int
}

// ChildLua is how a script writes the segment name below n.
func (n *APINode) ChildLua(name string) string {
	return n.node.ChildLua(name)
}

// outline returns what the script has defined. Only the holder may call it.
func (g *Generation) outline() *Outline {
	o := &Outline{
		Name: g.name, Files: &g.sources, Names: g.names(), Options: g.options(),
		Overrides:   g.api.Overrides,
		Hooks:       slices.Collect(g.api.Hooks()),
		DoneMethods: slices.Collect(maps.Keys(ofDone)),
	}
	if g.api.Root != nil {
		o.API = outlineNode(g.api.Root, nil)
	}
	return o
}

// typeNames returns the names that the VM keeps of each type: of methods (luaval.TypesKey), or of
// fields. Only the holder may call it.
func (g *Generation) typeNames(key string) map[string][]string {
	all := map[string][]string{}
	types, ok := g.vm.main.G.Registry.RawGetString(key).(*lua.LTable)
	if !ok {
		return all
	}
	types.ForEach(func(kind, names lua.LValue) {
		if list, ok := names.(*lua.LTable); ok {
			list.ForEach(func(_, name lua.LValue) { all[kind.String()] = append(all[kind.String()], name.String()) })
		}
	})
	return all
}

// outlineNode returns n and what is below it.
func outlineNode(n *api.Node, parent *APINode) *APINode {
	o := &APINode{
		Parent: parent, Kind: n.Kind, Name: n.Name, At: n.Where, Spelled: n.Spelled, Path: n.Path(), Lua: n.Lua(),
		Before: outlineHooks(&n.Before), After: outlineHooks(&n.After), Done: outlineHooks(&n.Done), node: n,
	}
	for i := range n.Handlers {
		o.Handlers[i] = outlineDefinition(&n.Handlers[i])
	}
	for _, child := range n.Children {
		o.Children = append(o.Children, outlineNode(child, o))
	}
	return o
}

func outlineHooks(l *api.HookList) (list []Definition) {
	for i := range l.List {
		list = append(list, outlineDefinition(&l.List[i]))
	}
	return list
}

func outlineDefinition(d *api.Definition) Definition {
	o := Definition{Name: d.Name, At: d.Where}
	if d.Fn != nil && d.Fn.Proto != nil {
		o.File, o.Line = d.Fn.Proto.SourceName, d.Fn.Proto.LineDefined
	}
	return o
}

// makers are those of the VM's own libraries; others say so themselves.
var makers = map[string]string{
	"after": "timer", "every": "timer", "cron": "timer",
}

// makers returns makers with those of the libraries that the script has.
func (g *Generation) makers() map[string]string {
	all := maps.Clone(makers)
	for _, l := range g.libraries {
		for function, kind := range l.Makes {
			all[strings.TrimSuffix(l.Name+"."+function, ".")] = kind
		}
	}
	return all
}
