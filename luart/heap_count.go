package luart

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// What values cost, in bytes, as gopher-lua 1.1.2 and Go's maps keep them: estimates,
// within some 30% of what the heap shows (see TestHeapCountIsNearTheHeap).
const (
	tableBytes    = 112
	slotBytes     = 16 // of an array: an interface
	numberBytes   = 16 // behind the interface; gopher-lua makes 32 at once, not all of which stay
	stringBytes   = 16 // the string's header, behind the interface
	functionBytes = 120
	upvalueBytes  = 64
)

// mapBytes is what a Go map of n entries costs, each of which takes slot bytes: groups of
// eight slots, two thirds full once there are many.
func mapBytes(n, slot int) int {
	const header, groupSlots, control = 48, 8, 1
	switch {
	case n == 0:
		return 0
	case n <= groupSlots:
		n = groupSlots
	default:
		n = n * 3 / 2
	}
	return header + n*(slot+control)
}

// contentsOf is what the lists and maps of a table cost, without what is in them.
func contentsOf(f *glua.Table) int {
	return slotBytes*cap(f.Array) + slotBytes*cap(f.Keys) +
		mapBytes(len(f.Values), 32) + mapBytes(len(f.Strings), 32) + mapBytes(len(f.Places), 24)
}

// heapCount counts what a VM's scripts keep alive: the values that can be reached from
// rover.state, from globals, and from the locals that handlers, hooks and timers use, and
// the contents of caches and channels. It
// goes in steps, between which scripts run and change what is counted, so the sum is an
// estimate for that reason too. What only a handler in flight knows is not counted.
//
// Only the holder may use it.
type heapCount struct {
	guard func(func()) // calls functions of libraries
	kept  []lib.Kept   // by libraries, not counted yet
	roots []root
	sizes []rootSize // of the roots counted, in order
	bytes int64      // of all of them

	seen  map[any]struct{} // tables and functions
	stack []visit
}

// root is a value from which counting begins.
type root struct {
	name  string
	value lua.LValue
}

// expireAtOnce items that a library keeps, whose time is over, are dropped before step looks at
// the time again.
const expireAtOnce = 16

// stateRoot begins the names of roots that are rover.state.
const stateRoot = "rover.state "

// rootSize is what a root keeps alive that no root before it does.
type rootSize struct {
	name    string
	bytes   int64
	entries int64
}

// visit is a table, and how far it has been counted.
type visit struct {
	t          *lua.LTable
	index, key int
}

// newAccount begins to count. Only the holder may call it.
func newAccount(vm *VM) *heapCount {
	a := &heapCount{guard: vm.guardLibrary, seen: map[any]struct{}{}, kept: vm.keptByLibraries()}
	for name, t := range vm.states {
		a.roots = append(a.roots, root{stateRoot + name, t})
	}
	for g := range vm.live {
		add := func(v lua.LValue) { a.roots = append(a.roots, root{g.name, v}) }
		add(g.env)
		for _, h := range handlersOf(g.tree) {
			add(h.fn)
		}
		for t := range g.timers {
			add(t.fn)
		}
	}
	return a
}

// addKept counts what a library keeps an account of. It reports false where there may be more of
// it to drop before. What has expired is not kept, and nobody else may come to drop it: beyond
// the limit requests, which would use it, are refused.
func (a *heapCount) addKept(k lib.Kept) bool {
	if k.Expire != nil && k.Expire(expireAtOnce) >= expireAtOnce {
		return false
	}
	bytes, items := k.Size()
	a.bytes += int64(bytes)
	a.sizes = append(a.sizes, rootSize{k.Name, int64(bytes), int64(items)})
	return true
}

// step goes on counting until all is counted, or for about a duration. It reports
// whether all is. Only the holder may call it.
func (a *heapCount) step(d time.Duration) (done bool) {
	end := time.Now().Add(d)
	for n := 0; ; n++ {
		if n%64 == 63 && time.Now().After(end) {
			return false
		}
		if len(a.kept) > 0 {
			done := true // also when it panics
			a.guard(func() { done = a.addKept(a.kept[0]) })
			if done {
				a.kept = a.kept[1:]
			}
			continue
		}
		if len(a.stack) > 0 {
			a.walk()
			continue
		}
		if len(a.roots) == 0 {
			return true
		}
		r := a.roots[0]
		a.roots = a.roots[1:]
		if n := len(a.sizes); n == 0 || a.sizes[n-1].name != r.name {
			a.sizes = append(a.sizes, rootSize{name: r.name})
		}
		a.add(r.value)
	}
}

// count adds bytes and table entries to the root being counted.
func (a *heapCount) count(bytes, entries int) {
	a.bytes += int64(bytes)
	size := &a.sizes[len(a.sizes)-1]
	size.bytes += int64(bytes)
	size.entries += int64(entries)
}

// add counts v; a table's contents are counted later.
func (a *heapCount) add(v lua.LValue) {
	switch v := v.(type) {
	case lua.LNumber:
		a.count(numberBytes, 0)
	case lua.LString:
		a.count(stringBytes+len(v), 0)
	case *lua.LTable:
		if _, ok := a.seen[v]; ok {
			return
		}
		a.seen[v] = struct{}{}
		a.count(tableBytes, 0)
		a.stack = append(a.stack, visit{t: v})
	case *lua.LFunction:
		if _, ok := a.seen[v]; ok || v.IsG {
			return
		}
		a.seen[v] = struct{}{}
		a.count(functionBytes+upvalueBytes*len(v.Upvalues), 0)
		for _, u := range v.Upvalues {
			a.add(u.Value())
		}
	}
}

// entriesAtOnce of a table are counted before step looks at the time.
const entriesAtOnce = 64

// walk counts some entries of the table on top of the stack.
func (a *heapCount) walk() {
	top := len(a.stack) - 1
	v := &a.stack[top]
	t, index, key := v.t, v.index, v.key
	f := glua.TableOf(t)
	first := index == 0 && key == 0
	if first {
		glua.Compact(t)
		a.count(contentsOf(f), 0)
	}
	endIndex, endKey := min(index+entriesAtOnce, len(f.Array)), min(key+entriesAtOnce, len(f.Keys))
	if index < endIndex {
		endKey = key
	}
	if endIndex >= len(f.Array) && endKey >= len(f.Keys) {
		a.stack = append(a.stack[:top], a.stack[top+1:]...)
	} else {
		v.index, v.key = endIndex, endKey
	}
	// From here on v is not used any more: add may push onto the stack, which moves then.
	// The metatables of all arrays and all rover.state are of no VM: others walk them, too.
	if first && f.Metatable != lua.LValue(luaval.StateMeta) && f.Metatable != lua.LValue(luaval.JSONArray) {
		a.add(f.Metatable)
	}
	for ; index < endIndex; index++ {
		a.count(0, 1)
		a.add(f.Array[index])
	}
	for ; key < endKey; key++ {
		k := f.Keys[key]
		value := t.RawGet(k)
		if value == lua.LNil {
			continue
		}
		a.count(0, 1)
		a.add(k)
		a.add(value)
	}
}
