package luart

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Outline is what a script has defined, for tools that look at it. It belongs to the holder of
// the script's VM.
type Outline struct {
	Name      string       // of the script, in messages
	Files     *chunk.Files // what was loaded
	Names     *hint.Names  // what the names in them stand for
	API       *APINode     // nil: the script has not called rover.server
	Overrides []Override   // definitions that took the place of others
	Hooks     []string     // names of functions directly on api, beside on_error
	// DoneMethods are the methods of ctx that done hooks may use.
	DoneMethods []string
	// Options are those of the functions that take a table of them: by the function as scripts
	// write it, "api.proxy", "ctx:mirror", "rover.http.get", or by the type of its object,
	// "cache:fetch".
	Options map[string]luaval.OptionsAt
}

// Override is a definition that took the place of another one.
type Override struct {
	Name    string // "api.users.get"
	Was, At string // file:line
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

	node *apiNode
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
	return (&apiNode{gen: n.node.gen, parent: n.node, name: name}).lua()
}

// outline returns what the script has defined. Only the holder may call it.
func (g *Generation) outline() *Outline {
	o := &Outline{
		Name: g.name, Files: &g.sources, Names: g.names(), Options: g.options(),
		Overrides:   g.overrides,
		Hooks:       slices.Collect(maps.Keys(g.lifeHooks)),
		DoneMethods: slices.Collect(maps.Keys(ofDone)),
	}
	if g.api != nil {
		o.API = g.api.Value.(*apiNode).outline(nil)
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

// outline returns n and what is below it.
func (n *apiNode) outline(parent *APINode) *APINode {
	o := &APINode{
		Parent: parent, Kind: n.kind, Name: n.name, At: n.where, Spelled: n.spelled, Path: n.pathOf(), Lua: n.lua(),
		Before: n.before.outline(), After: n.after.outline(), Done: n.done.outline(), node: n,
	}
	for i := range n.handlers {
		o.Handlers[i] = n.handlers[i].outline()
	}
	for _, child := range n.children {
		o.Children = append(o.Children, child.outline(o))
	}
	return o
}

func (l *hookList) outline() (list []Definition) {
	for i := range l.list {
		list = append(list, l.list[i].outline())
	}
	return list
}

func (d *definition) outline() Definition {
	o := Definition{Name: d.name, At: d.where}
	if d.fn != nil && d.fn.Proto != nil {
		o.File, o.Line = d.fn.Proto.SourceName, d.fn.Proto.LineDefined
	}
	return o
}

// override notes that now takes the place of was, for the outline. A script that has read was
// may have made now of it. Only the holder may call it.
func (g *Generation) override(was, now definition, name string) {
	if was.fn != nil && was.fn != now.fn && !was.read && was.where != now.where {
		g.overrides = append(g.overrides, Override{name, was.where, now.where})
	}
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
