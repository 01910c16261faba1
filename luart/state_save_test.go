package luart

import (
	"bytes"
	"context"
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// What one script has put into rover.state another one, in another VM, finds at its top
// level, and its defaults do not count.
func TestStateAsScriptsSeeIt(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local s = rover.state("s", { n = 1 })
		s.list = { "a", "b", nil, "d" }
		s.bytes = "\0\255\128x"
		s["\0\255"] = "key"
		s.inf, s.minus, s.nan, s.half, s.zero = 1/0, -1/0, 0/0, 0.5, 1/-(1/0)
		s.big, s.bigger = 2^53, 2^53 + 2
		s[true], s[false], s[0], s[-1], s[1.5], s[2^26] = "t", "f", 0, -1, 1.5, 2^26
		s.null, s.array, s.object = rover.json.null, rover.json.array {}, {}
		s.exact = rover.json.decode("[12345678901234567890]", { exact = true })
		s.self, s.shared = s, s.list
		s.order = {}
		for _, k in ipairs { "z", "y", "x", 0, "w", false, "a" } do s.order[k] = true end
		s.order.y = nil
		local other = rover.state("other\0\255")
		other.list, other.s = s.list, s
		rover.state("alias", other)
		rover.state("empty")
		return api`)
	state, err := s.vm.SaveState([]byte("before"), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	data, ok := bytes.CutPrefix(state.Data, []byte("before"))
	if !ok || state.LeftOut != 0 || state.LeftOutNames != nil {
		t.Errorf("%+v", state)
	}
	if again, err := s.vm.SaveState(nil, 64<<20); err != nil || !bytes.Equal(again.Data, data) {
		t.Errorf("the same state gave other bytes, or %v", err)
	}
	next := &server{t: t, vm: restoredVM(t, data)}
	err = next.load(`
		local api = rover.server {}
		local s = rover.state("s", { n = 2 })
		assert(s.n == 1)
		assert(#s.list == 4 and s.list[1] == "a" and s.list[3] == nil and s.list[4] == "d")
		s.list[5] = "e"
		assert(#s.list == 5 and table.concat(s.list, ",", 4) == "d,e")
		assert(s.bytes == "\0\255\128x" and s["\0\255"] == "key")
		assert(s.inf == 1/0 and s.minus == -1/0 and s.nan ~= s.nan and s.half == 0.5 and 1/s.zero == -1/0)
		assert(s.big == 2^53 and s.bigger == 2^53 + 2)
		assert(s[true] == "t" and s[false] == "f" and s[0] == 0 and s[-1] == -1 and s[1.5] == 1.5 and s[2^26] == 2^26)
		assert(s.null == rover.json.null and rover.json.encode(s.array) == "[]" and rover.json.encode(s.object) == "{}")
		assert(s.exact[1] == rover.json.number("12345678901234567890") and rover.json.encode(s.exact) == "[12345678901234567890]")
		assert(s.self == s and s.shared == s.list and s.array ~= s.object)
		local order = {}
		for k in pairs(s.order) do order[#order + 1] = tostring(k) end
		assert(table.concat(order, " ") == "z x 0 w false a", table.concat(order, " "))
		local other = rover.state("other\0\255", { fresh = true })
		assert(other.list == s.list and other.s == s and not other.fresh)
		assert(rover.state("alias") == other)
		assert(next(rover.state("empty", { 1 })) == nil)
		assert(rover.state("new", { 1 })[1] == 1)
		return api`)
	if err != nil {
		t.Fatal(err)
	}
}

// A VM that is closed can still be saved: nobody runs Lua in it any more.
func TestStateAfterClose(t *testing.T) {
	s := newServer(t, `rover.state("s").n = 1
		rover.spawn(function() rover.sleep(3600) end)
		return rover.server {}`)
	s.vm.Close(context.Background())
	state, err := s.vm.SaveState(nil, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	if n := restoredVM(t, state.Data).states["s"].RawGetString("n"); n != lua.LNumber(1) {
		t.Error(n)
	}
	if sizes := s.vm.StateSizes(); len(sizes) != 1 {
		t.Errorf("%+v", sizes)
	}
}

// What is no plain data is left out, and named.
func TestStateLeavesOut(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local hits = rover.state("hits", { n = 1, cb = print })
		hits.list = { "a", print, "c" }
		hits.deep = { { ["a key"] = { [true] = coroutine.create(print) } } }
		hits.object = setmetatable({ kept = 1 }, { __index = function() error "ran" end, __pairs = error })
		hits[{}], hits[print], hits.ud = 1, 2, api
		return api`)
	state, err := s.vm.SaveState(nil, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{ // sorted
		`rover.state "hits".cb: a function is not saved`,
		`rover.state "hits".deep[1]["a key"][true]: a thread is not saved`,
		`rover.state "hits".list[2]: a function is not saved`,
		`rover.state "hits".object: the metatable is not saved`,
		`rover.state "hits".ud: a userdata is not saved`,
		`rover.state "hits": a member with a function as its key is not saved`,
		`rover.state "hits": a member with a table as its key is not saved`,
	}
	if !slices.Equal(state.LeftOutNames, want) || state.LeftOut != len(want) {
		t.Errorf("%d: %q", state.LeftOut, state.LeftOutNames)
	}
	next := &server{t: t, vm: restoredVM(t, state.Data)}
	err = next.load(`
		local s = rover.state("hits")
		assert(s.n == 1 and s.cb == nil and #s.list == 3 and s.list[2] == nil and s.list[3] == "c")
		assert(next(s.deep[1]["a key"]) == nil and s.object.kept == 1 and getmetatable(s.object) == nil)
		for k in pairs(s) do assert(type(k) == "string") end
		return rover.server {}`)
	if err != nil {
		t.Fatal(err)
	}
}

// restoredVM is a VM with a state.
func restoredVM(t testing.TB, data []byte) *VM {
	t.Helper()
	vm := newVM(t, VMOptions{})
	t.Cleanup(func() { vm.Close(context.Background()) })
	if err := vm.RestoreState(data); err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestStateSizes(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local list = rover.state("list")
		for i = 1, 1000 do list[i] = { i } end
		rover.state("text").text = ("x"):rep(2^20)
		return api`)
	sizes := s.vm.StateSizes()
	if len(sizes) != 2 || sizes[0].Name != "text" || sizes[0].Bytes < 1<<20 || sizes[1].Name != "list" || sizes[1].Entries != 2000 {
		t.Errorf("%+v", sizes)
	}
}
