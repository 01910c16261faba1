package luart

import (
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// Loops in Go that data makes long look at the burst on the way.
func TestLoopsOfDataEndWithTheBurst(t *testing.T) {
	const n = 5000
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"options": func(L *lua.LState) { luaval.EachField(L, luarttest.Names(L, n), func(string, lua.LValue) {}) },
		"header values": func(L *lua.LState) {
			h := L.NewTable()
			h.RawSetString("x", luarttest.Strings(L, n))
			luaval.CheckHeaders(L, h)
		},
		"multipart": func(L *lua.LState) {
			_, _ = reqbody.ScanParts(pacedReader{strings.NewReader("--B\r\n"), L}, "B")
		},
	})
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
	s.beyondMemory()
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
