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
	return ok && meta == JSONArray
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

// Unmarked reports whether a table has no metatable but what rover.state or error gives.
func Unmarked(t *lua.LTable) bool {
	return t.Metatable == lua.LNil || t.Metatable == lua.LValue(StateMeta) || t.Metatable == lua.LValue(ErrorMeta)
}
