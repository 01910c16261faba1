package luart

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/glua"
)

// What .. does is as before, but for its bound.
func TestConcat(t *testing.T) {
	chain := strings.Repeat("s .. ", 189) + "s"
	s := newServer(t, `
		local api = rover.server {}
		local function fails(want, f)
			local ok, err = pcall(f)
			assert(not ok and tostring(err):find(want, 1, true), tostring(err))
		end
		function api.get()
			local s = "a"
			assert(s .. 1 .. -0.5 .. "b" == "a1-0.5b" and 1 .. 2 == "12" and "" .. "" == "")
			assert(0.1 + 0.2 .. "" == "0.3" and 2^53 .. "|" .. 1/0 .. -1/0 .. 0/0 == "9.007199254741e+15|inf-infnan")
			local third = 1 / 3
			assert(third .. third == "0.333333333333330.33333333333333" and third * 3 == 1, "not in place")
			assert(`+chain+` == ("a"):rep(190))
			local t = setmetatable({}, {__concat = function(a, b) return "<" .. type(a) .. type(b) .. ">" end})
			assert(t .. 1 == "<tablenumber>" and "x" .. t == "<stringtable>" and "x" .. "y" .. t .. "z" == "xy<tablestring>")
			assert(1 .. 2/3 .. t == "1<numbertable>" and t .. 2/3 .. 1 == "<tablestring>")
			local called = setmetatable({}, {__concat = setmetatable({}, {__call = function(_, a, b) return b end})})
			assert("x" .. called == called)
			fails("cannot perform concat operation between string and nil", function() return "x" .. nil end)
			fails("cannot perform concat operation between table and string", function() return {} .. "x" end)
			s = ("x"):rep(2^24 - 1)
			assert(#(s .. "y") == 2^24)
			fails("app.lua:23: string longer than 16777216 bytes", function() return s .. "yz" end)
			fails("string longer than 16777216 bytes", function() return `+chain+` end)
			fails("string longer than 16777216 bytes", function() return s .. t .. "z" .. s end)
			-- The metamethod's result is not known before.
			local long = setmetatable({}, {__concat = function() return s end})
			fails("string longer than 16777216 bytes", function() return "ab" .. "cd" .. long .. "ef" end)
			local co = coroutine.wrap(function() return pcall(function() while true do s = s .. s end end) end)
			assert(co() == false)
			return "ok"
		end
		return api`, withBurst(10*time.Minute))
	s.expect("GET /", "200 ok")
	for _, l := range s.logged("script error") {
		t.Error(l.ContextMap()["error"])
	}
}

// A numeric for takes strings that spell numbers, as arithmetic does.
func TestNumericFor(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function eq(got, want) if got ~= want then error(tostring(got) .. ", want " .. tostring(want), 2) end end
		local function raises(want, f, ...)
			local ok, err = pcall(f, ...)
			if ok or not err:find(want, 1, true) then error(tostring(err) .. ", want " .. want, 2) end
		end
		local function rounds(first, limit, step)
			local seen = {}
			for i = first, limit, step do seen[#seen + 1] = type(i) == "number" and i or type(i) end
			return table.concat(seen, " ")
		end
		eq(rounds("3", 1, -1), "3 2 1")
		eq(rounds(1, "0x3", 1), "1 2 3")
		eq(rounds(" 1 ", "2", "5e-1"), "1 1.5 2")
		local n = 0
		for i = "1", "2" do n = n + i end
		eq(n, 3)
		raises("'for' initial value must be a number", rounds, "x", 1, 1)
		raises("'for' initial value must be a number", rounds, nil, nil, nil)
		raises("'for' limit must be a number", rounds, 1, {}, nil)
		raises("'for' limit must be a number", rounds, 1, "1_0", 1)
		raises("'for' step must be a number", rounds, 1, 1, true)
		raises("app.lua:25: 'for' step must be a number", function()
			for _ = 1, 1, {} do end
		end)
		raises("'for' limit must be a number", coroutine.wrap(function() for _ = 1, "inf" do end end))
		function api.get() return rounds("1", "2", 1) end
		return api`)
	s.expect("GET /", "200 1 2")
}

// A function that has called itself in tail calls ever so often costs no more in an error than
// another one; its traceback says that there were such calls.
func TestTailCalls(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function down(n) if n == 0 then error("here") end return down(n - 1) end
		function api.get() local _ = down(1e6) end
		return api`, withBurst(10*time.Minute))
	if got := answer(s.do("GET /", "")); got != `500 {"error":"internal error"}` {
		t.Error(got)
	}
	trace := s.logged("script error")[0].ContextMap()["traceback"].(string)
	if n := strings.Count(trace, "(tailcall): ?"); n < 5 || n > glua.MaxTailCalls {
		t.Errorf("%d tail calls in\n%s", n, trace)
	}
}

// BenchmarkConcat is a handler with five concatenations, as it is (kind=guarded), without the bound
// (kind=stock), and with a call of a Go function in the place of each (kind=call), which is what a
// change of the syntax tree would cost Instructions that gopher-lua runs by other rules than Lua
// 5.1.
func TestInstructions(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function near(a, b) assert(math.abs(a - b) < 1e-12, a .. " " .. b) end
		function api.get()
			local a, b, half, t = 1, 0.1, 0.5, { 5.5 }
			near(a % b, 0) near(half % 3, 0.5) near(-half % 3, 2.5) near(t[1] % -2, -0.5) near("5.5" % 2, 1.5)
			assert(7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1 and 2^53 % 3 == 2)
			assert(a % 0 ~= a % 0 and 5 % math.huge ~= 5 % math.huge)
			local o = setmetatable({ 1, 2 }, { __len = function() return 42 end, __mod = function() return "mod" end })
			assert(#o == 2 and #{} == 0 and #"abc" == 3 and #setmetatable({ 1 }, {}) == 1 and o % 2 == "mod")
			local _, err = pcall(error, 7, 0)
			assert(err == 7)
			return #o + #o
		end
		return api`)
	s.expect("GET /", "200 4")
	for _, l := range s.logged("script error") {
		t.Error(l.ContextMap()["error"])
	}
}
