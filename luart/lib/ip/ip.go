// Package ip is rover.ip: addresses, and sets of networks.
package ip

import (
	_ "embed"
	"fmt"
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/address"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
)

//go:embed ip.lua
var stubs string

// MaxNetworks bounds a set: some 100 bytes each, which the limit of memory does not see.
const MaxNetworks = 100_000

// The lengths of networks that one user has, as a rule.
const own4, own6 = 32, 64

// Library is rover.ip.
var Library = &lib.Library{
	Name: "ip", Stubs: stubs,
	Makes:    map[string]string{"set": "address set"},
	NewState: func(vm lib.VM) any { return &state{luaval.NewType(vm.L(), "address set", methods, nil)} },
	Open:     open,
}

// state is the type of sets in a VM.
type state struct{ meta *lua.LTable }

var methods = map[string]lua.LGFunction{
	// set:contains(ip)
	"contains": func(L *lua.LState) int {
		set := luaval.CheckSelf[*address.Set](L, "address set", "set:contains(ip)")
		L.Push(lua.LBool(set.Contains(check(L, 2))))
		return 1
	},
	// set:len()
	"len": func(L *lua.LState) int {
		L.Push(lua.LNumber(luaval.CheckSelf[*address.Set](L, "address set", "set:len()").Len()))
		return 1
	},
}

func open(s *lib.Scope) lua.LValue {
	meta := s.State.(*state).meta
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		"parse":   parse,
		"network": network,
		// rover.ip.set(networks)
		"set": func(L *lua.LState) int {
			L.Push(luaval.NewObject(meta, checkSet(L)))
			return 1
		},
		"is_private":   is(netip.Addr.IsPrivate),
		"is_loopback":  is(netip.Addr.IsLoopback),
		"is_multicast": is(netip.Addr.IsMulticast),
		"is_link_local": is(func(a netip.Addr) bool {
			return a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast()
		}),
		"is_global": is(func(a netip.Addr) bool { return outbound.IsPublic(a) && !address.IsDocumentation(a) }),
	})
	return t
}

// check reads argument n, an address. A guard must not take other text for an address outside of
// its networks: that raises, with status 400 if nobody catches it.
func check(L *lua.LState, n int) netip.Addr {
	a, err := address.Parse(luaval.CheckString(L, n))
	if err != nil {
		luaval.RaiseStatus(L, 400, err.Error())
	}
	return a
}

// parse is rover.ip.parse(text): the address in its one form, and 4 or 6; nil and why not.
func parse(L *lua.LState) int {
	a, err := address.Parse(luaval.CheckString(L, 1))
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	L.Push(lua.LString(a.String()))
	L.Push(lua.LNumber(version(a)))
	return 2
}

func version(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// network is rover.ip.network(ip[, bits4[, bits6]]): the network of an address.
func network(L *lua.LState) int {
	a := check(L, 1)
	bits := [2]int{luaval.OptInt(L, 2, own4), luaval.OptInt(L, 3, own6)}
	for i, most := range [2]int{32, 128} {
		if bits[i] < 0 || bits[i] > most {
			luaval.ArgError(L, 2+i, fmt.Sprintf("bits of a network from 0 to %d expected, got %d", most, bits[i]))
		}
	}
	n := bits[0]
	if a.Is6() {
		n = bits[1]
	}
	p, _ := a.Prefix(n) // the bits are right
	L.Push(lua.LString(p.String()))
	return 1
}

// checkSet reads the list of networks that argument 1 is.
func checkSet(L *lua.LState) *address.Set {
	t, set := luaval.CheckTable(L, 1), new(address.Set)
	n := t.Len()
	if n > MaxNetworks {
		luaval.ArgError(L, 1, fmt.Sprintf("a list of %d networks at most expected, got %d", MaxNetworks, n))
	}
	var pace luaval.Pace
	for i := 1; i <= n; i++ {
		pace.Step(L)
		text, ok := t.RawGetInt(i).(lua.LString)
		if !ok {
			luaval.ArgError(L, 1, fmt.Sprintf("network %d: a string expected, got a %s", i, luaval.TypeName(t.RawGetInt(i))))
		}
		p, err := address.ParseNetwork(string(text))
		if err != nil {
			luaval.ArgError(L, 1, fmt.Sprintf("network %d: %s", i, err))
		}
		set.Add(p)
	}
	if key, other := otherKey(t, n); other {
		luaval.ArgError(L, 1, "a list of networks expected, it has the key "+key)
	}
	return set
}

// otherKey returns a key of a table that is not one of the first n places.
func otherKey(t *lua.LTable, n int) (key string, found bool) {
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || float64(i) < 1 || float64(i) > float64(n) {
			key, found = k.String(), true
		}
	})
	return key, found
}

// is makes a function that says something of an address.
func is(kind func(netip.Addr) bool) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LBool(kind(check(L, 1))))
		return 1
	}
}
