package luart

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// maxStateKeys of a table are told at once.
const maxStateKeys = 1000

// keysWork bounds how many entries are counted for the sizes of one page: some milliseconds.
const keysWork = 20_000

// StateKey is an entry of a table, without its value.
type StateKey struct {
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

// UnknownStateError is the error of StateKeys for a name that no script has used.
type UnknownStateError struct{ Name string }

func (e *UnknownStateError) Error() string {
	return fmt.Sprintf("there is no rover.state %q", e.Name)
}

// StateKeys returns entries of the rover.state table of a name, from a place on, and the
// place of the rest, 0 if there is none. Places are those of the table as it is now: while
// scripts add and remove keys a page may miss some, or repeat them. Values are not told.
// Any goroutine may call it.
func (vm *VM) StateKeys(ctx context.Context, name string, from, limit int) (keys []StateKey, next int, err error) {
	limit = max(1, min(limit, maxStateKeys))
	found := false
	err = vm.inspect(ctx, func(bool) {
		t := vm.states[name]
		if t == nil {
			return
		}
		found = true
		keys, next = keysOf(t, max(from, 0), limit)
	})
	if err == nil && !found {
		err = &UnknownStateError{name}
	}
	return keys, next, err
}

// keysOf is StateKeys for a table.
func keysOf(t *lua.LTable, from, limit int) (keys []StateKey, next int) {
	f := glua.TableOf(t)
	size := &heapCount{seen: map[any]struct{}{t: {}}}
	work := keysWork
	end := len(f.Array) + len(f.Keys)
	// Places of keys that are gone cost time, too.
	for at := from; at < end && at < from+10*maxStateKeys; at++ {
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
		k := StateKey{Key: printable(key), KeyType: luaval.TypeName(key), Type: luaval.TypeName(value)}
		size.sizes = []rootSize{{}}
		size.add(value)
		for len(size.stack) > 0 && work > 0 {
			size.walk()
			work -= entriesAtOnce
		}
		k.Partial = len(size.stack) > 0
		size.stack = size.stack[:0]
		k.Bytes, k.Entries = size.sizes[0].bytes, size.sizes[0].entries
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
	return validText(s)
}
