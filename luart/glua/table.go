package glua

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Table are the fields of a lua.LTable, which gopher-lua does not export.
// They are used to count what a table keeps, and to mend what gopher-lua leaves behind:
// the place of a key whose value was set to nil is never given back, so that a table
// with ever new keys (one per client address, say) grows for ever, however few it holds.
type Table struct {
	Metatable lua.LValue

	Array   []lua.LValue
	Values  map[lua.LValue]lua.LValue // of keys that are no strings and not in Array
	Strings map[string]lua.LValue     // of keys that are strings
	Keys    []lua.LValue              // of Values and Strings, in order of insertion, with those gone
	Places  map[lua.LValue]int        // where a key is in Keys
}

// gopherNames are gopher-lua's names of the fields of a Table.
var gopherNames = [...]string{"Metatable", "array", "dict", "strdict", "keys", "k2i"}

var tablesKnown = func() bool {
	theirs, ours := reflect.TypeFor[lua.LTable](), reflect.TypeFor[Table]()
	if theirs.NumField() != len(gopherNames) || ours.NumField() != len(gopherNames) || theirs.Size() != ours.Size() {
		return false
	}
	for i, name := range gopherNames {
		f, g := theirs.Field(i), ours.Field(i)
		if f.Name != name || f.Type != g.Type || f.Offset != g.Offset {
			return false
		}
	}
	return true
}()

// TableOf returns the fields of t.
func TableOf(t *lua.LTable) *Table { return (*Table)(unsafe.Pointer(t)) }

// writtenNil is luaval.WrittenNil: the key has a place, and no value.
func writtenNil(t *lua.LTable, name string) bool {
	f := TableOf(t)
	if _, has := f.Strings[name]; has {
		return false
	}
	_, had := f.Places[lua.LString(name)]
	return had
}

func init() {
	if tablesKnown {
		luaval.WrittenNil = writtenNil
	}
}

// compactFrom is how many keys a table must have had before it is worth compacting.
const compactFrom = 1024

// Compact gives back the places of keys that are gone when they are more than half. A
// traversal of the table that is under way in a waiting handler may see keys twice
// afterwards if the key it stands at is gone, and misses none: see next.
func Compact(t *lua.LTable) {
	f := TableOf(t)
	live := len(f.Values) + len(f.Strings)
	if len(f.Keys) < compactFrom || live > len(f.Keys)/2 {
		return
	}
	keys := make([]lua.LValue, 0, live)
	places := make(map[lua.LValue]int, live)
	values := make(map[lua.LValue]lua.LValue, len(f.Values))
	strings := make(map[string]lua.LValue, len(f.Strings))
	for _, key := range f.Keys {
		if s, ok := key.(lua.LString); ok {
			v, ok := f.Strings[string(s)]
			if !ok {
				continue
			}
			strings[string(s)] = v
		} else {
			v, ok := f.Values[key]
			if !ok {
				continue
			}
			values[key] = v
		}
		places[key] = len(keys)
		keys = append(keys, key)
	}
	f.Keys, f.Places = keys, places
	if f.Values != nil {
		f.Values = values
	}
	if f.Strings != nil {
		f.Strings = strings
	}
}
