package luart

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// tableFields are the fields of a lua.LTable of gopher-lua 1.1.2, which it does not show.
// They are used to count what a table keeps, and to mend what gopher-lua leaves behind:
// the place of a key whose value was set to nil is never given back, so that a table
// with ever new keys (one per client address, say) grows for ever, however few it holds.
//
// Should another version have other fields, tablesKnown is false, tables are counted by
// what Next shows, none is compacted, and TestTableFields fails.
type tableFields struct {
	Metatable lua.LValue

	array   []lua.LValue
	dict    map[lua.LValue]lua.LValue
	strdict map[string]lua.LValue
	keys    []lua.LValue       // of dict and strdict, in order of insertion, with those gone
	k2i     map[lua.LValue]int // where a key is in keys
}

var tablesKnown = sameFields(reflect.TypeFor[lua.LTable](), reflect.TypeFor[tableFields]())

func sameFields(a, b reflect.Type) bool {
	if a.NumField() != b.NumField() || a.Size() != b.Size() {
		return false
	}
	for i := range a.NumField() {
		f, g := a.Field(i), b.Field(i)
		if f.Name != g.Name || f.Type != g.Type || f.Offset != g.Offset {
			return false
		}
	}
	return true
}

// fieldsOf returns the fields of t. tablesKnown must be true. Only the holder may use
// them.
func fieldsOf(t *lua.LTable) *tableFields { return (*tableFields)(unsafe.Pointer(t)) }

// compactFrom is how many keys a table must have had before it is worth compacting.
const compactFrom = 1024

// compact gives back the places of keys that are gone when they are more than half. A
// traversal of the table that is under way in a waiting handler may see keys twice
// afterwards if the key it stands at is gone, and misses none: see nextKey. Only the holder
// may call it.
func compact(t *lua.LTable) {
	f := fieldsOf(t)
	live := len(f.dict) + len(f.strdict)
	if len(f.keys) < compactFrom || live > len(f.keys)/2 {
		return
	}
	keys := make([]lua.LValue, 0, live)
	k2i := make(map[lua.LValue]int, live)
	dict := make(map[lua.LValue]lua.LValue, len(f.dict))
	strdict := make(map[string]lua.LValue, len(f.strdict))
	for _, key := range f.keys {
		if s, ok := key.(lua.LString); ok {
			v, ok := f.strdict[string(s)]
			if !ok {
				continue
			}
			strdict[string(s)] = v
		} else {
			v, ok := f.dict[key]
			if !ok {
				continue
			}
			dict[key] = v
		}
		k2i[key] = len(keys)
		keys = append(keys, key)
	}
	f.keys, f.k2i = keys, k2i
	if f.dict != nil {
		f.dict = dict
	}
	if f.strdict != nil {
		f.strdict = strdict
	}
}
