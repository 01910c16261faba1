package memory

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// maxKeys of a table are told at once.
const maxKeys = 1000

// keysWork bounds how many entries are counted for the sizes of one page: some milliseconds.
const keysWork = 20_000

// Key is an entry of a table, without its value.
type Key struct {
	Key     string `json:"key"` // as text
	KeyType string `json:"key_type"`
	Type    string `json:"type"` // of the value
	// Bytes estimates what the value keeps alive that no value before it on the page does.
	Bytes int64 `json:"bytes"`
	// Entries of a table, those of tables in it included.
	Entries int64 `json:"entries,omitempty"`
	// Partial says that there is more in the table than was counted.
	Partial bool `json:"partial,omitempty"`
}

// Keys returns entries of a table, limit of them or 1000 if that is less, from a place on, and the place
// of the rest, 0 if there is none. Places are those of the table as it is now: while scripts add and
// remove keys a page may miss some, or repeat them. Only the holder of the VM may call it.
func Keys(t *lua.LTable, from, limit int) (keys []Key, next int) {
	from, limit = max(from, 0), max(1, min(limit, maxKeys))
	f := glua.TableOf(t)
	size := &Count{seen: map[any]struct{}{t: {}}}
	work := keysWork
	end := len(f.Array) + len(f.Keys)
	// Places of keys that are gone cost time, too.
	for at := from; at < end && at < from+10*maxKeys; at++ {
		if len(keys) == limit {
			return keys, at
		}
		next = at + 1
		var key, value lua.LValue
		if at < len(f.Array) {
			key, value = lua.LNumber(at+1), f.Array[at]
		} else {
			key = f.Keys[at-len(f.Array)]
			value = t.RawGet(key)
		}
		if value == nil || value == lua.LNil {
			continue
		}
		k := Key{Key: printable(key), KeyType: luaval.TypeName(key), Type: luaval.TypeName(value)}
		size.sizes = []Size{{}}
		size.add(value)
		for len(size.stack) > 0 && work > 0 {
			size.walk()
			work -= entriesAtOnce
		}
		k.Partial = len(size.stack) > 0
		size.stack = size.stack[:0]
		k.Bytes, k.Entries = size.sizes[0].Bytes, size.sizes[0].Entries
		keys = append(keys, k)
	}
	if next >= end {
		next = 0
	}
	return keys, next
}

// printable returns a key as text: not more of it than a person wants to see.
func printable(key lua.LValue) string {
	const longest = 200
	s := key.String()
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
