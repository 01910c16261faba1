package stdlib

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// newNext makes next(table[, key]): the key after key and its value, nil after the last one. A
// traversal sees every key that is there from its beginning to its end, also when values are set to
// nil on the way, elements are taken off the list with table.remove, or the memory counter compacts
// the table while the handler waits. gopher-lua's own skips the first key of the hash part in the
// last two cases.
func newNext(b *envBuilder) lua.LValue {
	b.next = b.L.NewFunction(func(L *lua.LState) int {
		key, value := nextKey(L, luaval.CheckTable(L, 1), L.Get(2))
		L.Push(key)
		if key == lua.LNil {
			return 1
		}
		L.Push(value)
		return 2
	})
	return b.next
}

// newPairs makes pairs(table): next, the table and nil.
func newPairs(b *envBuilder) lua.LValue {
	return b.L.NewClosure(func(L *lua.LState) int {
		t := luaval.CheckTable(L, 1)
		L.Push(L.Get(lua.UpvalueIndex(1)))
		L.Push(t)
		L.Push(lua.LNil)
		return 3
	}, b.next)
}

// nextKey returns what comes after key in t, the first of all after nil, and nil after the last.
// The hash part begins anew after a key that is not there any more, for nobody knows what was
// before it: a traversal may then see keys twice, and misses none.
func nextKey(L *lua.LState, t *lua.LTable, key lua.LValue) (next, value lua.LValue) {
	f := glua.TableOf(t)
	index, place := 0, 0
	if key != lua.LNil {
		n, ok := key.(lua.LNumber)
		if ok && n >= 1 && n < lua.LNumber(lua.MaxArrayIndex) && n == lua.LNumber(int(n)) {
			index = int(n)
		} else {
			index = len(f.Array)
			if at, ok := f.Places[key]; ok {
				place = at + 1
			}
		}
	}
	var p luaval.Pace // a million may be gone between two keys
	for ; index < len(f.Array); index++ {
		if v := f.Array[index]; v != lua.LNil {
			return lua.LNumber(index + 1), v
		}
		p.Step(L)
	}
	for ; place < len(f.Keys); place++ {
		k := f.Keys[place]
		v, ok := f.Values[k]
		if s, isString := k.(lua.LString); isString {
			v, ok = f.Strings[string(s)]
		}
		if ok {
			return k, v
		}
		p.Step(L)
	}
	return lua.LNil, lua.LNil
}
