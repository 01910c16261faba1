package netlist

import (
	"context"
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// state is what the library keeps in a VM from one version of the scripts to the next: how often
// an address was found, by list.
type state struct{ hits map[string]int }

func newState(lib.VM) any { return &state{hits: map[string]int{}} }

// Keeps implements lib.Keeper: what hits costs counts as memory of the scripts.
func (s *state) Keeps() []lib.Kept {
	return []lib.Kept{{
		Name: "rover.netlist",
		Size: func() (bytes, items int) { return 100 * len(s.hits), len(s.hits) },
	}}
}

// open makes rover.netlist for one version of a script.
func (n *Netlist) open(s *lib.Scope) lua.LValue {
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		// find(list, address): the prefix in the list that the address is in, nil if there is
		// none. Errors: a list that there is not, what is no address.
		"find": func(L *lua.LState) int {
			name := luaval.CheckString(L, 1)
			a, err := netip.ParseAddr(luaval.CheckString(L, 2))
			if err != nil {
				luaval.ArgError(L, 2, "an IP address expected, got "+luaval.Quote(luaval.CheckString(L, 2)))
			}
			p, ok := n.list(L, name).find(a.Unmap().WithZone(""))
			if !ok {
				L.Push(lua.LNil)
				return 1
			}
			s.State.(*state).hits[name]++
			L.Push(lua.LString(p.String()))
			return 1
		},

		// hits(list): how often find has found something, over all versions of the script.
		"hits": func(L *lua.LState) int {
			n.list(L, luaval.CheckString(L, 1))
			L.Push(lua.LNumber(s.State.(*state).hits[luaval.CheckString(L, 1)]))
			return 1
		},

		// refresh(list): reads the file again, and returns how many prefixes are in it, or nil and
		// a message; then the list stays as it is. Other handlers run meanwhile.
		"refresh": func(L *lua.LState) int {
			name := luaval.CheckString(L, 1)
			n.list(L, name)
			file := n.Lists[name]
			var l *list
			var err error
			s.Caller().Await(L, lib.WaitsOn{What: "rover.netlist", Which: name}, func(context.Context) {
				l, err = readList(file) // no Lua value is touched here
			})
			if err != nil {
				return luaval.PushFailure(L, err)
			}
			n.mu.Lock()
			n.read[name] = l
			n.mu.Unlock()
			L.Push(lua.LNumber(len(l.prefixes)))
			return 1
		},
	})
	return t
}

// list returns a list, and raises in L if there is none of the name. Handlers of two VMs may have
// the module, so that a lock guards it.
func (n *Netlist) list(L *lua.LState, name string) *list {
	n.mu.RLock()
	defer n.mu.RUnlock()
	l := n.read[name]
	if l == nil {
		luaval.ArgError(L, 1, "there is no list "+luaval.Quote(name)+": the Caddyfile names them in library netlist")
	}
	return l
}
