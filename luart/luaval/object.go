package luaval

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// NewType returns a metatable for userdata. A field of it is a method, or what field
// pushes for (ud, name); an unknown one is nil.
func NewType(L *lua.LState, name string, methods map[string]lua.LGFunction, field lua.LGFunction) *lua.LTable {
	mt := L.NewTable()
	noteType(L, name, methods)
	fns := L.CreateTable(0, len(methods))
	fns.Metatable = ofMethods
	for m, fn := range methods {
		fns.RawSetString(m, L.NewFunction(fn))
	}
	index := L.NewFunction(func(L *lua.LState) int {
		if key, ok := L.Get(2).(lua.LString); ok {
			if fn := fns.RawGetString(string(key)); fn != lua.LNil {
				L.Push(fn)
				return 1
			}
		}
		if field != nil {
			return field(L)
		}
		L.Push(lua.LNil)
		return 1
	})
	index.Env = fns // see MethodOf; functions in Go have no other use for it
	mt.RawSetString("__index", index)
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("%s has no field %q that can be set", name, L.Get(2).String())
		return 0
	}))
	mt.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(name))
		return 1
	}))
	mt.RawSetString("__metatable", lua.LFalse)
	return mt
}

// ofMethods is the metatable of tables of methods, which no script sees. It is compared only.
var ofMethods = &lua.LTable{}

// MethodOf returns a method of an object of a type of NewType, nil where it has none of that name. It is
// what the type's __index says, without a call of it.
func MethodOf(object *lua.LUserData, name string) *lua.LFunction {
	mt, ok := object.Metatable.(*lua.LTable)
	if !ok {
		return nil
	}
	index, ok := mt.RawGetString("__index").(*lua.LFunction)
	if !ok || index.Env == nil || index.Env.Metatable != lua.LValue(ofMethods) {
		return nil
	}
	fn, _ := index.Env.RawGetString(name).(*lua.LFunction)
	return fn
}

// AnyMethod makes every other name a method of a type of NewType: what method returns for it, nil where
// it is none. "caddy rover check" cannot tell such a type's methods: no library says that it makes one.
func AnyMethod(L *lua.LState, mt *lua.LTable, method func(name string) lua.LGFunction) {
	known := mt.RawGetString("__index")
	mt.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		name, isName := L.Get(2).(lua.LString)
		L.Push(known)
		L.Push(L.Get(1))
		L.Push(L.Get(2))
		L.Call(2, 1)
		if L.Get(-1) != lua.LNil || !isName {
			return 1
		}
		if fn := method(string(name)); fn != nil {
			L.Push(L.NewFunction(fn))
		}
		return 1
	}))
}

// TypesKey is where the VM keeps the names of the methods of each type: no script gets at the
// registry. A test compares them with what is written for editors in types/.
const TypesKey = "rover types"

// FieldsKey is where the VM keeps the names of the fields of types that NoteFields was told.
const FieldsKey = "rover fields"

// NoteFields says which fields a type of NewType has beside its methods: all of them, so that
// "caddy rover check" finds others.
func NoteFields(L *lua.LState, name string, fields ...string) { noteNames(L, FieldsKey, name, fields) }

func noteType(L *lua.LState, name string, methods map[string]lua.LGFunction) {
	noteNames(L, TypesKey, name, slices.Sorted(maps.Keys(methods)))
}

func noteNames(L *lua.LState, key, name string, list []string) {
	known, ok := L.G.Registry.RawGetString(key).(*lua.LTable)
	if !ok {
		known = L.NewTable()
		L.G.Registry.RawSetString(key, known)
	}
	names := L.NewTable()
	for _, n := range list {
		names.Append(lua.LString(n))
	}
	known.RawSetString(name, names)
}

func NewObject(mt *lua.LTable, value any) *lua.LUserData {
	return &lua.LUserData{Value: value, Metatable: mt}
}

// PlainText is what an object has that stands for a text: JSON has it as that.
type PlainText interface{ PlainText() string }

// TextValue returns the text that an object stands for; ok is false for any other value.
func TextValue(v lua.LValue) (text string, ok bool) {
	if ud, isObject := v.(*lua.LUserData); isObject {
		if plain, isText := ud.Value.(PlainText); isText {
			return plain.PlainText(), true
		}
	}
	return "", false
}

// JSONText is what an object has that stands for a text of somebody else, which may be JSON: a body.
// JSON has it as what it is, or as a string where it is no JSON or is not said to be.
type JSONText interface {
	// JSONText returns the text, and whether it is said to be JSON. An error says why there is none.
	JSONText() (text []byte, isJSON bool, err error)
}
