package stdlib

import (
	"fmt"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
)

// A traversal that clears the key it stands at sees every key, wherever the table is compacted
// meanwhile.
func TestNextMissesNoKeyOfACompactedTable(t *testing.T) {
	const n = 2000
	L := lua.NewState()
	defer L.Close()
	for at := n / 2; at < n; at += 97 {
		table := &lua.LTable{Metatable: lua.LNil}
		for i := range n {
			table.RawSetString(fmt.Sprint("k", i), lua.LTrue)
		}
		seen := map[lua.LValue]bool{}
		for k, _ := nextKey(L, table, lua.LNil); k != lua.LNil; k, _ = nextKey(L, table, k) {
			seen[k] = true
			table.RawSet(k, lua.LNil)
			if len(seen) == at {
				before := len(glua.TableOf(table).Keys)
				glua.Compact(table)
				if len(glua.TableOf(table).Keys) == before {
					t.Fatalf("the table was not compacted after %d keys", at)
				}
			}
		}
		if len(seen) != n {
			t.Errorf("compacted after %d keys: %d of %d were seen", at, len(seen), n)
		}
	}
}

// One that keeps some keys ends, and may see those twice only.
func TestNextEndsInACompactedTable(t *testing.T) {
	const n = 4000
	L := lua.NewState()
	defer L.Close()
	table := &lua.LTable{Metatable: lua.LNil}
	for i := range n {
		table.RawSetString(fmt.Sprint("k", i), lua.LTrue)
	}
	seen, rounds := map[lua.LValue]int{}, 0
	for k, _ := nextKey(L, table, lua.LNil); k != lua.LNil; k, _ = nextKey(L, table, k) {
		if seen[k]++; seen[k] > 2 || rounds > 2*n {
			t.Fatalf("%v was seen %d times in %d rounds", k, seen[k], rounds)
		}
		if rounds++; rounds%10 != 0 {
			table.RawSet(k, lua.LNil)
		}
		if rounds == n-1 { // it stands at a key that is gone
			glua.Compact(table)
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d keys were seen", len(seen), n)
	}
}
