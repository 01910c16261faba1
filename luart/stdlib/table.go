package stdlib

import (
	"math"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// tabConcat is table.concat(list[, sep[, i[, j]]]): list[i]..sep..…..list[j]. Errors: an element
// that is neither string nor number; a result of more than 16 MiB.
func tabConcat(L *lua.LState) int {
	list := luaval.CheckTable(L, 1)
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = luaval.CheckString(L, 2)
	}
	first := luaval.OptInt(L, 3, 1)
	last := luaval.OptInt(L, 4, list.Len())
	var out strings.Builder
	var p luaval.Pace
	for i := first; i <= last; i++ {
		p.Step(L)
		v := list.RawGet(lua.LNumber(i))
		text, ok := luaval.TextOf(v)
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type().String(), i)
		}
		out.WriteString(text)
		if i != last {
			out.WriteString(sep)
		}
		luaval.CheckSize(L, out.Len())
	}
	L.Push(lua.LString(out.String()))
	return 1
}

// tabInsert is table.insert(list, [pos,] value). Errors: pos is below 1 or above 2^31-1; the list
// is as long as an array can be.
func tabInsert(L *lua.LState) int {
	list := luaval.CheckTable(L, 1)
	n := list.Len()
	if n+2 >= lua.MaxArrayIndex {
		L.RaiseError("table overflow: an array has at most %d elements", lua.MaxArrayIndex-1)
	}
	switch L.GetTop() {
	case 2:
		list.Append(L.Get(2))
	case 3:
		pos := luaval.CheckInt(L, 2)
		if pos < 1 || pos > math.MaxInt32 { // what C Lua has as an int
			luaval.ArgError(L, 2, "position out of bounds")
		}
		if pos > n+1 { // nothing to shift: C Lua puts it there
			list.RawSet(lua.LNumber(pos), L.Get(3))
			break
		}
		if pos == n+1 {
			list.Append(L.Get(3))
			break
		}
		// Insert makes the array one longer even when nils are left at its end by t[#t] = nil.
		// Taking one of those away first keeps a queue from growing for ever.
		list.Remove(n + 1)
		list.Insert(pos, L.Get(3))
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

// tabRemove is table.remove(list[, pos]): the element at pos (#list when left out), which it takes
// out of the list. Nothing when there is none.
func tabRemove(L *lua.LState) int {
	list := luaval.CheckTable(L, 1)
	n := list.Len()
	pos := luaval.OptInt(L, 2, n)
	if pos < 1 || pos > n {
		return 0
	}
	L.Push(list.Remove(pos))
	return 1
}

// tabMaxn is table.maxn(table): the largest positive number among the keys, 0 without one.
func tabMaxn(L *lua.LState) int {
	largest := lua.LNumber(0)
	var p luaval.Pace
	luaval.CheckTable(L, 1).ForEach(func(key, _ lua.LValue) {
		p.Step(L)
		if n, ok := key.(lua.LNumber); ok && n > largest {
			largest = n
		}
	})
	L.Push(largest)
	return 1
}

// tabPack is table.pack(…): a list of its arguments with their number in n.
func tabPack(L *lua.LState) int {
	n := L.GetTop()
	list := L.CreateTable(n, 1)
	for i := 1; i <= n; i++ {
		list.RawSetInt(i, L.Get(i))
	}
	list.RawSetString("n", lua.LNumber(n))
	L.Push(list)
	return 1
}

// tabSort is table.sort(list[, less]): sorts list[1] to list[#list] in place, not stably. The
// comparator may raise an error (the list stays as it was), wait, or contradict itself (any order
// may come out). Errors: elements that cannot be compared, holes among them.
//
// A comparator asks the budget itself, as all Lua code does; < does not.
func tabSort(L *lua.LState) int {
	list := luaval.CheckTable(L, 1)
	s := &sorter{L: L, values: make([]lua.LValue, list.Len())}
	if L.Get(2) != lua.LNil {
		s.less = luaval.CheckFunction(L, 2)
	}
	var p luaval.Pace
	for i := range s.values {
		p.Step(L)
		s.values[i] = list.RawGetInt(i + 1)
	}
	sort.Sort(s)
	luaval.CheckBurst(L) // not in between: nobody is to find a list that is half sorted
	for i, v := range s.values {
		list.RawSetInt(i+1, v)
	}
	return 0
}

// sorter sorts a copy of a list.
type sorter struct {
	L      *lua.LState
	less   *lua.LFunction // nil: <
	values []lua.LValue
	work   int // comparisons by <, and 64 bytes of strings each, since the budget was asked
}

func (s *sorter) Len() int      { return len(s.values) }
func (s *sorter) Swap(i, j int) { s.values[i], s.values[j] = s.values[j], s.values[i] }

func (s *sorter) Less(i, j int) bool {
	if s.less == nil {
		if a, ok := s.values[i].(lua.LString); ok {
			s.work += len(a) / 64
		}
		if s.work++; s.work >= 1024 {
			s.work = 0
			luaval.CheckBurst(s.L)
		}
		return s.L.LessThan(s.values[i], s.values[j])
	}
	s.L.Push(s.less)
	s.L.Push(s.values[i])
	s.L.Push(s.values[j])
	s.L.Call(2, 1)
	less := s.L.ToBool(-1)
	s.L.Pop(1)
	return less
}
