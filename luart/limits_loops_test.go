package luart

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// withoutTime returns a Lua state whose slice of VM time is over: no time need pass.
func withoutTime(t *testing.T) *lua.LState {
	t.Helper()
	L := lua.NewState()
	t.Cleanup(L.Close)
	b := newBudget(nil, nil)
	t.Cleanup(b.close)
	b.begin(time.Minute)
	b.kill(errBurst)
	L.SetContext(b)
	return L
}

// Loops in Go that data makes long look at the burst on the way.
func TestLoopsOfDataEndWithTheBurst(t *testing.T) {
	list := func(L *lua.LState) *lua.LTable {
		t := L.CreateTable(5000, 0)
		for i := range 5000 {
			t.RawSetInt(i+1, lua.LString("x"))
		}
		return t
	}
	names := func(L *lua.LState) *lua.LTable {
		t := L.NewTable()
		for i := range 5000 {
			t.RawSetString("name"+lua.LNumber(i).String(), lua.LTrue)
		}
		return t
	}
	for name, run := range map[string]func(L *lua.LState){
		"json values": func(L *lua.LState) {
			_, _ = decodeJSON(L, []byte("["+strings.Repeat("1,", 5000)+"1]"))
		},
		"json array": func(L *lua.LState) {
			fillJSON(L, "["+strings.Repeat("1,", 1000)+"1]")
		},
		"json object": func(L *lua.LState) {
			fillJSON(L, "{"+strings.Repeat(`"a":1,`, 1000)+`"a":1}`)
		},
		"query_encode": func(L *lua.LState) { _, _ = urlFormEncode(L, names(L)) },
		"query_decode": func(L *lua.LState) {
			_, _ = urlFirstValues(L, strings.Repeat("a=1&", 5000))
		},
		"query_encode, what has been read": func(L *lua.LState) {
			encodeForm(L, url.Values{"a": make([]string, 2000)})
		},
		"json encode":          func(L *lua.LState) { encodeOrRaise(L, list(L)) },
		"json encode, members": func(L *lua.LState) { encodeOrRaise(L, names(L)) },
		"json encode, strings": func(L *lua.LState) {
			t := L.CreateTable(2, 0)
			t.Append(lua.LString(strings.Repeat("x", 1<<17)))
			t.Append(lua.LTrue)
			encodeOrRaise(L, t)
		},
		"json encode, holes": func(L *lua.LState) {
			t := luaval.NewJSONArray(L)
			t.RawSetInt(2500, lua.LTrue)
			encodeOrRaise(L, t)
		},
		"maxn":    func(L *lua.LState) { callGo(L, tabMaxn, names(L)) },
		"options": func(L *lua.LState) { eachSorted(L, names(L), func(string, lua.LValue) {}) },
		"header values": func(L *lua.LState) {
			h := L.NewTable()
			h.RawSetString("x", list(L))
			checkHeaderTable(L, h)
		},
		"expect": func(L *lua.LState) {
			schema := L.NewTable()
			schema.Append(lua.LString("string"))
			expectation{L, new(luaval.Pace)}.check(nil, schema, list(L))
		},
		"replacement": func(L *lua.LState) { (&expr{}).checkRepl(L, strings.Repeat("$$", 2000)) },
		"multipart": func(L *lua.LState) {
			_, _ = scanParts(pacedReader{strings.NewReader("--B\r\n"), L}, "B")
		},
		"cache, fewer items": func(L *lua.LState) {
			c := newCache[int](cacheOptions{maxItems: 5000, maxBytes: 1 << 20}, time.Now)
			for i := range 5000 {
				c.set(cacheKey{text: strconv.Itoa(i)}, i, 1, forever, 0)
			}
			var p luaval.Pace
			c.configure(cacheOptions{maxItems: 1, maxBytes: 1 << 20}, func() { p.Step(L) })
		},
		"next, items that are gone": func(L *lua.LState) {
			t := list(L)
			for i := range 4999 {
				t.RawSetInt(i+1, lua.LNil)
			}
			nextKey(L, t, lua.LNil)
		},
		"next, keys that are gone": func(L *lua.LState) {
			t := names(L)
			for i := range 5000 {
				t.RawSetString("name"+lua.LNumber(i).String(), lua.LNil)
			}
			nextKey(L, t, lua.LNil)
		},
		"concat": func(L *lua.LState) { callGo(L, tabConcat, list(L)) },
		"sort":   func(L *lua.LState) { callGo(L, tabSort, list(L)) },
	} {
		L := withoutTime(t)
		err := L.GPCall(func(L *lua.LState) int { run(L); return 0 }, lua.LNil)
		if err == nil || !strings.Contains(err.Error(), errBurst.Error()) {
			t.Errorf("%s: %v, want the end of the burst", name, err)
		}
	}
}

// encodeOrRaise encodes as the library does.
func encodeOrRaise(L *lua.LState, v lua.LValue) {
	if _, err := appendJSON(luaval.BudgetOf(L), nil, v); err != nil {
		L.RaiseError("%s", err)
	}
}

func callGo(L *lua.LState, f lua.LGFunction, arg lua.LValue) {
	L.Push(L.NewFunction(f))
	L.Push(arg)
	L.Call(1, 0)
}

// fillJSON decodes a text whose values are too few for a look at the burst, but for the loop
// that puts them into their table.
func fillJSON(L *lua.LState, text string) {
	d := jsonDecoder{L: L, b: []byte(text)}
	_, _ = d.value(0, "a value")
}

// An array of more items than a table keeps as an array is refused: behind those it would cost a
// hundred times as much.
func TestJSONArrayTooLong(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	most := lua.MaxArrayIndex - 1
	v, err := decodeJSON(L, []byte("["+strings.Repeat("1,", most-1)+"1]"))
	if err != nil || v.(*lua.LTable).Len() != most {
		t.Fatalf("%d items: %v", most, err)
	}
	_, err = decodeJSON(L, []byte("["+strings.Repeat("1,", most)+"1]"))
	want := "invalid JSON at byte 2097153: an array of more than 1048575 items, the limit"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Functions of rover.parallel inside each other are counted together, and the count goes back.
func TestNestedParallelIsBounded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function tree(depth)
			if depth == 0 then rover.sleep(0.1) return 1 end -- so that all of a level run at once
			local jobs = {}
			for i = 1, 2 do jobs[i] = function() return tree(depth - 1) end end
			local a, b = rover.parallel(jobs)
			return a + b
		end
		function api.tree.p_depth.get(ctx) return tree(tonumber(ctx:param("depth"))) end
		function api.wide.get()
			local jobs = {}
			for i = 1, 10 do
				jobs[i] = function()
					local more = {}
					for j = 1, 200 do more[j] = function() rover.sleep(0.001) end end
					rover.parallel(more)
				end
			end
			local ok, err = pcall(rover.parallel, jobs)
			return tostring(err)
		end
		function api.spawn.get()
			rover.spawn(function() rover.log.info(tostring(select(2, pcall(tree, 12)))) end)
		end
		return api`, withBurst(time.Minute))
	s.once("GET /tree/5", "200 32")
	s.once("GET /tree/12", `500 {"error":"internal error"}`)
	const want = "functions of this request or task are running, and"
	if errs := s.logged("script error"); len(errs) != 1 || !strings.Contains(errs[0].ContextMap()["error"].(string), want) {
		t.Errorf("logged %v", errs)
	}
	if got := answer(s.do("GET /wide", "")); !strings.Contains(got, want) {
		t.Errorf("wide: %s", got)
	}
	s.once("GET /tree/5", "200 32")
	s.do("GET /spawn", "")
	s.untilNoTasks()
	s.held(func() {
		if s.vm.parallels != 0 {
			t.Errorf("%d functions are counted still", s.vm.parallels)
		}
		s.vm.parallels = maxVMParallel - 2
	})
	s.once("GET /tree/1", "200 2")
	s.once("GET /tree/2", `500 {"error":"internal error"}`)
	s.held(func() { s.vm.parallels = 0 })
	s.vm.memory.limit.Store(1)
	s.vm.memory.over.Store(true)
	s.once("GET /tree/3", "503 "+ErrMemory.Error()+"\n")
}

// Lists that have a limit are measured before they are walked.
func TestListsAreMeasuredFirst(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.q.get(ctx)
			local value, values = ("x"):rep(2^20), {}
			for i = 1, 1000 do values[i] = value end
			return select(2, pcall(ctx.set_query, ctx, "k", values))
		end
		function api.f.get(ctx)
			local list = {}
			for i = 1, 257 do list[i] = function() end end
			list[300] = "not a function"
			return select(2, pcall(rover.parallel, list))
		end
		return api`, withBurst(time.Minute))
	s.once("GET /q", "200 app.lua:6: resulting string too large: the limit is 16777216 bytes")
	s.once("GET /f", "200 app.lua:12: rover.parallel: more than 256 functions, the limit")
}
