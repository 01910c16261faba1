package expect

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/schema"
)

// faultsKey is where the metatable of an error has its faults. No script gets at one: it has a
// __metatable.
const faultsKey = "faults"

// Error makes the error table {status = 400, message = …, errors = {{field, message, type}, …}}
// of faults; tostring of it is a list for people.
func Error(L *lua.LState, f *schema.Faults) *lua.LTable {
	t := L.CreateTable(0, 3)
	t.RawSetString("status", lua.LNumber(http.StatusBadRequest))
	t.RawSetString("message", lua.LString(f.Message()))
	all := f.All()
	list := L.CreateTable(len(all), 0)
	for _, fault := range all {
		item := L.CreateTable(0, 3)
		item.RawSetString("field", lua.LString(fault.Field))
		item.RawSetString("message", lua.LString(fault.Message))
		item.RawSetString("type", lua.LString(fault.Type))
		list.Append(item)
	}
	t.RawSetString("errors", list)
	Mark(L, t, f)
	return t
}

// Raise raises Error.
func Raise(L *lua.LState, f *schema.Faults) { L.Error(Error(L, f), 1) }

// Mark makes an error table one of faults, as FaultsOf knows it: on_error gets one.
func Mark(L *lua.LState, t *lua.LTable, f *schema.Faults) {
	meta := L.CreateTable(0, 3)
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(f.String()))
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString(faultsKey, &lua.LUserData{Value: f, Metatable: lua.LNil})
	t.Metatable = meta
}

// FaultsOf returns the faults that an error table was made of; nil: it is another one.
func FaultsOf(t *lua.LTable) *schema.Faults {
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil
	}
	ud, ok := meta.RawGetString(faultsKey).(*lua.LUserData)
	if !ok {
		return nil
	}
	f, _ := ud.Value.(*schema.Faults)
	return f
}
