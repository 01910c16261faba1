package luaval

import lua "github.com/yuin/gopher-lua"

// JSONNull is rover.json.null, and JSONArray the mark of rover.json.array. Every VM of the process
// shares them, so that values kept in rover.state keep their meaning over reloads. Nothing may
// write to them: scripts cannot reach them, because __metatable hides a metatable and forbids to
// change it.
var (
	JSONNull  = newJSONNull()
	JSONArray = newJSONMeta("json.array")
)

func newJSONMeta(name string) *lua.LTable {
	meta := &lua.LTable{Metatable: lua.LNil}
	meta.RawSetString("__metatable", lua.LString(name))
	return meta
}

func newJSONNull() *lua.LUserData {
	meta := newJSONMeta("json.null")
	meta.RawSetString("__tostring", &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		L.Push(lua.LString("null"))
		return 1
	}})
	return &lua.LUserData{Metatable: meta}
}

// IsJSONArray reports whether t carries the mark of rover.json.array.
func IsJSONArray(t *lua.LTable) bool {
	meta, ok := t.Metatable.(*lua.LTable)
	return ok && (meta == JSONArray || methodMetas[meta] == arrayMethod)
}

// methodMetas are what NewMethodMeta has made, while the process starts.
var methodMetas = map[*lua.LTable]methodKind{}

type methodKind uint8

const (
	plainMethod methodKind = iota + 1
	arrayMethod
)

// NewMethodMeta makes a metatable of plain data that has a method: what a body decodes to, say. It may be
// kept and replaced like data without one. array says that its tables have the mark of rover.json.array,
// too. Every VM of the process shares it; it is called while the process starts.
func NewMethodMeta(name, method string, fn lua.LGFunction, array bool) *lua.LTable {
	meta, methods := newJSONMeta(name), &lua.LTable{Metatable: lua.LNil}
	methods.RawSetString(method, &lua.LFunction{IsG: true, GFunction: fn})
	meta.RawSetString("__index", methods)
	methodMetas[meta] = plainMethod
	if array {
		methodMetas[meta] = arrayMethod
	}
	return meta
}

// NewArrayMeta makes a metatable of arrays, as NewMethodMeta, that have no other keys than indexes: set is
// called, as a __newindex, for a key that a table does not have.
func NewArrayMeta(name string, set lua.LGFunction) *lua.LTable {
	meta := newJSONMeta(name)
	meta.RawSetString("__newindex", &lua.LFunction{IsG: true, GFunction: set})
	methodMetas[meta] = arrayMethod
	return meta
}

// IsReplaceable reports whether a script may give a table another metatable than this one, which has a
// __metatable.
func IsReplaceable(meta *lua.LTable) bool {
	return meta == ErrorMeta || meta == quietMeta || methodMetas[meta] == plainMethod
}

// NewJSONArray returns an empty table that encodes as [] and not as {}.
func NewJSONArray(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 0)
	t.Metatable = JSONArray
	return t
}

// StateMeta is the metatable of each table of rover.state that has no other: a script that put one
// of its own there would have its functions called by every script that shares the table. Every VM
// of the process shares it; nothing may write to it.
var StateMeta = newJSONMeta("rover.state")

// Unmarked reports whether a table has no metatable but what rover.state, error or NewMethodMeta gives.
func Unmarked(t *lua.LTable) bool {
	if t.Metatable == lua.LNil || t.Metatable == lua.LValue(StateMeta) || t.Metatable == lua.LValue(ErrorMeta) || IsQuiet(t) {
		return true
	}
	meta, ok := t.Metatable.(*lua.LTable)
	return ok && methodMetas[meta] == plainMethod
}
