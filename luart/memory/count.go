package memory

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// What values cost, in bytes, as gopher-lua 1.1.2 and Go's maps keep them: estimates,
// within some 30% of what the heap shows (see TestCountIsNearTheHeap in luart).
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

// Count counts what roots keep alive: the values that can be reached from them, and what libraries
// keep an account of. It goes in steps, between which scripts run and change what is counted, so the
// sum is an estimate for that reason too. What only a handler in flight knows is not counted.
//
// Only the holder of the VM may use it; when all is counted, anybody.
type Count struct {
	guard func(func()) // calls functions of libraries
	kept  []lib.Kept   // by libraries, not counted yet
	roots []Root
	sizes []Size // of the roots counted, in order
	bytes int64  // of all of them

	seen  map[any]struct{} // tables and functions
	stack []visit
}

// Root is a value from which counting begins. Those that follow each other and have the same name are
// one.
type Root struct {
	Name  string
	Value lua.LValue
}

// Size is what a Root keeps alive that no root before it does.
type Size struct {
	Name    string
	Bytes   int64 // an estimate
	Entries int64 // of tables
}

// expireAtOnce items that a library keeps, whose time is over, are dropped before step looks at
// the time again.
const expireAtOnce = 16

// visit is a table, and how far it has been counted.
type visit struct {
	t          *lua.LTable
	index, key int
}

// NewCount begins to count. guard calls functions of libraries, and goes on when they panic; nil: there
// are none.
func NewCount(roots []Root, kept []lib.Kept, guard func(func())) *Count {
	return &Count{guard: guard, roots: roots, kept: kept, seen: map[any]struct{}{}}
}

// Bytes is what has been counted.
func (c *Count) Bytes() int64 { return c.bytes }

// Sizes is what has been counted of each root and each library.
func (c *Count) Sizes() []Size { return c.sizes }

// addKept counts what a library keeps an account of. It reports false where there may be more of
// it to drop before. What has expired is not kept, and nobody else may come to drop it: beyond
// the limit requests, which would use it, are refused.
func (c *Count) addKept(k lib.Kept) bool {
	if k.Expire != nil && k.Expire(expireAtOnce) >= expireAtOnce {
		return false
	}
	bytes, items := k.Size()
	c.bytes += int64(bytes)
	c.sizes = append(c.sizes, Size{k.Name, int64(bytes), int64(items)})
	return true
}

// step goes on counting until all is counted, or for about a duration. It reports whether all is.
func (c *Count) step(d time.Duration) (done bool) {
	end := time.Now().Add(d)
	for n := 0; ; n++ {
		if n%64 == 63 && time.Now().After(end) {
			return false
		}
		if len(c.kept) > 0 {
			done := true // also when it panics
			c.guard(func() { done = c.addKept(c.kept[0]) })
			if done {
				c.kept = c.kept[1:]
			}
			continue
		}
		if len(c.stack) > 0 {
			c.walk()
			continue
		}
		if len(c.roots) == 0 {
			return true
		}
		r := c.roots[0]
		c.roots = c.roots[1:]
		if n := len(c.sizes); n == 0 || c.sizes[n-1].Name != r.Name {
			c.sizes = append(c.sizes, Size{Name: r.Name})
		}
		c.add(r.Value)
	}
}

// count adds bytes and table entries to the root being counted.
func (c *Count) count(bytes, entries int) {
	c.bytes += int64(bytes)
	size := &c.sizes[len(c.sizes)-1]
	size.Bytes += int64(bytes)
	size.Entries += int64(entries)
}

// add counts v; a table's contents are counted later.
func (c *Count) add(v lua.LValue) {
	switch v := v.(type) {
	case lua.LNumber:
		c.count(numberBytes, 0)
	case lua.LString:
		c.count(stringBytes+len(v), 0)
	case *lua.LTable:
		if _, ok := c.seen[v]; ok {
			return
		}
		c.seen[v] = struct{}{}
		c.count(tableBytes, 0)
		c.stack = append(c.stack, visit{t: v})
	case *lua.LFunction:
		if _, ok := c.seen[v]; ok || v.IsG {
			return
		}
		c.seen[v] = struct{}{}
		c.count(functionBytes+upvalueBytes*len(v.Upvalues), 0)
		for _, u := range v.Upvalues {
			c.add(u.Value())
		}
	}
}

// entriesAtOnce of a table are counted before step looks at the time.
const entriesAtOnce = 64

// walk counts some entries of the table on top of the stack.
func (c *Count) walk() {
	top := len(c.stack) - 1
	v := &c.stack[top]
	t, index, key := v.t, v.index, v.key
	f := glua.TableOf(t)
	first := index == 0 && key == 0
	if first {
		glua.Compact(t)
		c.count(contentsOf(f), 0)
	}
	endIndex, endKey := min(index+entriesAtOnce, len(f.Array)), min(key+entriesAtOnce, len(f.Keys))
	if index < endIndex {
		endKey = key
	}
	if endIndex >= len(f.Array) && endKey >= len(f.Keys) {
		c.stack = append(c.stack[:top], c.stack[top+1:]...)
	} else {
		v.index, v.key = endIndex, endKey
	}
	// From here on v is not used any more: add may push onto the stack, which moves then.
	// The metatables of all arrays and all rover.state are of no VM: others walk them, too.
	if first && f.Metatable != lua.LValue(luaval.StateMeta) && f.Metatable != lua.LValue(luaval.JSONArray) {
		c.add(f.Metatable)
	}
	for ; index < endIndex; index++ {
		c.count(0, 1)
		c.add(f.Array[index])
	}
	for ; key < endKey; key++ {
		k := f.Keys[key]
		value := t.RawGet(k)
		if value == lua.LNil {
			continue
		}
		c.count(0, 1)
		c.add(k)
		c.add(value)
	}
}
