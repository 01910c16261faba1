package luart

import (
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// abuse is what a handler may do to a server that is not careful. Each ends in an error that says
// why, for that request alone, and the process stays within maxAbuseBytes.
var abuse = []struct{ name, body, want string }{
	// Patterns: nothing but burst ends these.
	{"find", `return ("a"):rep(40):find(("a*"):rep(30) .. "b")`, "longer than burst"},
	{"match lazy", `return ("a"):rep(40):match(("a-"):rep(30) .. "b")`, "longer than burst"},
	{"match optional", `return ("a"):rep(40):match(("a?"):rep(40) .. ("a"):rep(41))`, "longer than burst"},
	{"gmatch", `for _ in ("a"):rep(40):gmatch(("a*"):rep(30) .. "b") do end`, "longer than burst"},
	{"gsub", `return ("a"):rep(40):gsub(("a*"):rep(30) .. "b", "")`, "longer than burst"},
	{"gsub of a long string", `return (" "):rep(2^24 - 1):gsub("%s*$x", "")`, "longer than burst"},
	{"balance", `return ("("):rep(2^24):find("%b()")`, "longer than burst"},
	{"back reference", `return ("a"):rep(2^22):find("(a+)%1b")`, "longer than burst"},
	{"gsub, nothing with much", `return ("a"):rep(2^22):gsub("", ("%0"):rep(2^23))`, "longer than burst"},
	{"caught", `while true do pcall(string.find, ("a"):rep(40), ("a*"):rep(30) .. "b") end`, "longer than burst"},
	{"in a coroutine", `return coroutine.wrap(function() return ("a"):rep(40):find(("a*"):rep(30) .. "b") end)()`, "longer than burst"},
	{"pattern too long", `return ("x"):find(("a*"):rep(2^20))`, "pattern too long"},
	{"doubling", `local s = "x" while true do s = s .. s end`, "app.lua:3: string longer than 16777216 bytes"},
	{"chain", `local s = ("x"):rep(2^24) return ` + strings.Repeat("s .. ", 189) + `s`, "string longer than 16777216 bytes"},
	{"doubling caught", `local s = "x" while true do pcall(function() s = s .. s end) end`, "longer than burst"},
	{"doubling in __concat", `local t = setmetatable({}, {__concat = function(t, s) return s .. s end}) local s = "x" while true do s = t .. s end`, "string longer than"},
	{"re, many matches", `return rover.re.gsub(("a"):rep(2^24), "", function() end)`, "longer than burst"},
	{"re, one match", `return rover.re.find(("a"):rep(2^24), "(a?){100}(a*){100}b")`, "longer than burst"},
	{"re, looking back", `return rover.re.gsub(("a"):rep(2^20), [[\B(.*b)?]], "")`, "longer than burst"},
	{"re, quadratic", `for m in rover.re.gmatch(("a"):rep(2^20), "a(.*b)?") do end`, "longer than burst"},
	{"re, replacement", `return rover.re.gsub(("a"):rep(2^14), "", ("$0"):rep(10000))`, "longer than burst"},
	{"re, result", `return rover.re.gsub(("a"):rep(2^14), "a", ("$0"):rep(10000))`, "resulting string too large"},
	{"re, groups", `return rover.re.gsub("a", "a", ("$0"):rep(2^23))`, "more than 10000 groups"},
	{"re, dollars", `return #rover.re.gsub("a", "a", ("$$"):rep(2^23)) + nil`, "cannot perform add"},
	{"re, expression", `return rover.re.match("a", ("a{1000}"):rep(200))`, "too large when its repetitions are written out"},
	{"re, long expression", `return rover.re.match("a", ("a"):rep(2^24))`, "the limit is 4096"},
	{"re, nesting", `return rover.re.match("a", ("("):rep(2^13) .. (")"):rep(2^13))`, "bad argument #2 to match"},
	{"re, classes", `for i = 1, 1e9 do rover.re.match("a", ([[\pL]]):rep(140) .. i) end`, "longer than burst"},
	{"re, groups of an expression", `return rover.re.match("a", ("()"):rep(1000) .. ("(?:a?){1000}"):rep(4))`, "1000 groups, the limit is 100"},
	{"re, steps with groups", `return rover.re.match(("a"):rep(2^20), ("()"):rep(100) .. ("(?:a?){1000}"):rep(4) .. "b")`, "longer than burst"},
	{"re, large classes", `return rover.re.match("a", ([[\pL]]):rep(1000))`, "ranges of characters, the limit is 100000"},
	{"re, pieces", `return rover.re.split(("a"):rep(2^22), "")`, "too many pieces"},

	// Strings.
	{"rep", `return ("x"):rep(2^24 + 1)`, "resulting string too large: the limit is 16777216 bytes"},
	{"rep with a separator", `return (""):rep(2^24, "ab")`, "resulting string too large"},
	{"rep in a loop", `local s = "x" while true do s = s:rep(2) end`, "resulting string too large"},
	{"format width", `return ("%100d"):format(1)`, "width or precision too long"},
	{"format precision", `return ("%.100f"):format(1)`, "width or precision too long"},
	{"format in a loop", `local s = "x" while true do s = ("%s%s"):format(s, s) end`, "resulting string too large"},
	{"format, quoted", `local s = ("\0"):rep(2^23) return ("%q"):format(s)`, "resulting string too large"},
	{"table.concat", `local t = {} for i = 1, 32 do t[i] = ("x"):rep(2^20) end return table.concat(t)`, "resulting string too large"},
	{"table.concat, separator", `return table.concat({1, 2, 3}, ("x"):rep(2^23))`, "resulting string too large"},
	{"table.concat, range", `return table.concat({}, "", -2^60, 2^60)`, "invalid value (nil)"},
	{"byte", `return ("x"):rep(2^20):byte(1, -1)`, "string slice too long"},
	{"char", `local t = {} for i = 1, 7999 do t[i] = 65 end return string.char(unpack(t), unpack(t), 256)`, "invalid value"},
	{"no dump", `return string.dump(function() end)`, "attempt to call a non-function object"},
	{"print", `local s = ("x"):rep(2^23) print(s, s, s)`, "resulting string too large"},
	{"__tostring", `local t = setmetatable({}, {__tostring = function() return ("x"):rep(2^24) .. "x" end}) return tostring(t)`, "string longer than"},
	{"tonumber", `while true do tonumber(("9"):rep(2^24), 36) end`, "longer than burst"},

	// Tables, and what goes onto the stack.
	{"unpack", `return unpack({}, 1, 1e9)`, "too many results to unpack"},
	{"unpack, everything", `return unpack({}, -1/0, 1/0)`, "too many results to unpack"},
	{"varargs", `local function f(...) return f(1, ...) end return f()`, "longer than burst"},
	{"varargs kept", `local function f(...) return select("#", f(1, ...)) end return f()`, "overflow"},
	{"select", `return select(0, 1)`, "bad argument #1 to select"},
	{"grow", `local t = {} local i = 1 while true do t[i] = i i = i + 1 end`, "longer than burst"},
	{"keys", `local t = {} local i = 1 while true do t["k" .. i] = i i = i + 1 end`, "longer than burst"},
	{"insert", `local t = {} while true do table.insert(t, 1) end`, "table overflow"},
	{"insert far", `table.insert({}, 2^53, 1)`, "position out of bounds"},
	{"insert at the front", `local t = {} for i = 1, 1e6 do t[i] = i end while true do table.insert(t, 1, 1) table.remove(t) end`, "longer than burst"},
	{"remove", `local t = {} while true do table.remove(t) end`, "longer than burst"},
	{"length", `local t = {} t[1e6] = 1 t[1e6] = nil while true do local n = #t end`, "longer than burst"},
	{"NaN key", `local t = {} t[0/0] = 1`, "table index is NaN"},
	{"nil key", `local t = {} t[nil] = 1`, "table index is nil"},
	{"sort", `local t = {} for i = 1, 1e6 do t[i] = (i * 7919) % 1000003 end while true do table.sort(t, nil) table.sort(t, function(a, b) return a > b end) end`, "longer than burst"},
	{"sort of strings", `local s, t = ("x"):rep(2^16), {} for i = 1, 2000 do t[i] = s .. i end for i = 1, 1000 do table.sort(t) table.sort(t, function(a, b) return a > b end) end`, "longer than burst"},
	{"sort, no order", `local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t, function() return true end) end`, "longer than burst"},
	{"maxn", `local t = {} for i = 1, 1e5 do t["k" .. i] = i end while true do table.maxn(t) end`, "longer than burst"},
	{"next", `local t = {} for i = 1, 1e5 do t[i] = i end for i = 1, 1e5 do t[i] = nil end while true do next(t) end`, "longer than burst"},

	// Functions, coroutines, metatables.
	{"recursion", `local function f(n) return 1 + f(n) end return f(1)`, "stack overflow"},
	{"tail calls", `local function f() return f() end return f()`, "longer than burst"},
	{"__index", `local t t = setmetatable({}, {__index = function(_, k) return t[k .. "x"] end}) return t.x`, "stack overflow"},
	{"__index, a ring", `local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x`, "too many recursions in gettable"},
	{"__newindex, a ring", `local a, b = {}, {} setmetatable(a, {__newindex = b}) setmetatable(b, {__newindex = a}) a.x = 1`, "too many recursions in settable"},
	{"__newindex", `local t t = setmetatable({}, {__newindex = function(_, k) t[k .. "x"] = 1 end}) t.x = 1`, "stack overflow"},
	{"__call", `local t t = setmetatable({}, {__call = function() return 1 + t() end}) return t()`, "stack overflow"},
	{"__call, a ring", `local t = {} setmetatable(t, {__call = t}) return t()`, "attempt to call"},
	{"__concat", `local t t = setmetatable({}, {__concat = function() return t .. "x" end}) return t .. "x"`, "stack overflow"},
	{"__eq", `local m = {} local a, b = setmetatable({}, m), setmetatable({}, m) m.__eq = function() return a == b end return a == b`, "stack overflow"},
	{"__lt", `local m = {} local a, b = setmetatable({}, m), setmetatable({}, m) m.__lt = function() return a < b end return a < b`, "stack overflow"},
	{"__le", `local m = {} local a, b = setmetatable({}, m), setmetatable({}, m) m.__le = function() return a <= b end return a <= b`, "stack overflow"},
	{"__add", `local t t = setmetatable({}, {__add = function() return t + 1 end}) return t + 1`, "stack overflow"},
	{"__unm", `local t t = setmetatable({}, {__unm = function() return -t end}) return -t`, "stack overflow"},
	{"tostring", `local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) return tostring(t)`, "stack overflow"},
	{"pcall", `local function f() local ok, err = pcall(f) if not ok then error(err, 0) end end f()`, "stack overflow"},
	{"xpcall", `local function f() local ok, err = xpcall(f, function(e) return e end) if not ok then error(err, 0) end end f()`, "stack overflow"},
	{"xpcall handler", `local function f() error("x") end local function h() return select(2, xpcall(f, h)) end error(select(2, xpcall(f, h)), 0)`, "stack overflow"},
	{"pcall of pcall", `local function f(...) return pcall(pcall, f, ...) end while true do f() end`, "longer than burst"},
	{"gsub callbacks", `local function f() return (("x"):gsub("x", f)) end return f()`, "stack overflow"},
	{"re callbacks", `local function f() return (rover.re.gsub("x", "x", f)) end return f()`, "stack overflow"},
	{"comparators", `local function f() table.sort({1, 2, 3}, f) return false end f()`, "stack overflow"},
	{"iterators", `local function f() for _ in f do end end f()`, "stack overflow"},
	{"load", `local function f() load(f) error("after load") end return f()`, "after load"},
	{"coroutine nesting", `local function f() return coroutine.wrap(f)() end return f()`, "too many nested coroutines"},
	{"coroutine of pcalls", `local function g(n) if n > 0 then return select(2, pcall(g, n - 1)) end return coroutine.wrap(function() return g(300) end)() end error(g(300), 0)`, "too many nested coroutines"},
	{"coroutines", `local t = {} while true do t[#t + 1] = coroutine.create(function() end) end`, "longer than burst"},
	{"coroutines running", `local t = {} while true do local co = coroutine.wrap(function() coroutine.yield() end) co() t[#t + 1] = co end`, "longer than burst"},
	{"closures", `local t = {} while true do local n = #t t[n + 1] = function() return n end end`, "longer than burst"},
	{"no __gc", `setmetatable({}, {__gc = function() error("x") end}) collectgarbage() while true do local _ = setmetatable({}, {__gc = error}) end`, "longer than burst"},
	{"collectgarbage", `while true do collectgarbage() collectgarbage("collect") collectgarbage("step", 1e9) collectgarbage("setpause", 0) end`, "longer than burst"},
	{"collectgarbage count", `while true do collectgarbage("count") end`, "longer than burst"},
	{"no os.exit", `os.exit(1)`, "attempt to call a non-function object"},
	{"no os.execute", `os.execute("x")`, "attempt to call a non-function object"},
	{"no files", `error(select(2, io.open("/etc/passwd")), 0)`, "/etc/passwd: no files but those of rover.fs"},
	{"io.write", `while true do io.write("x") end`, "longer than burst"},
	{"traceback", `local function f() debug.traceback("x") return f() + 1 end while true do pcall(f) end`, "longer than burst"},
	{"setfenv", `while true do setfenv(function() end, setmetatable({}, {__index = _G})) end`, "longer than burst"},

	// Source.
	{"load, long", `local f, err = load(("x = 1 "):rep(2^16)) error(err, 0)`, "chunk too long"},
	{"load, deep", `local f, err = load("return " .. ("f("):rep(2^12) .. "1" .. (")"):rep(2^12)) error(err, 0)`, "too many syntax levels"},
	{"load, deep tables", `local f, err = load("return " .. ("{"):rep(2^12) .. ("}"):rep(2^12)) error(err, 0)`, "too many syntax levels"},
	{"load, deep functions", `local f, err = load(("return function() "):rep(2^10) .. ("end "):rep(2^10)) error(err, 0)`, "too many syntax levels"},
	{"load, deep ..", `local f, err = load("return " .. ("x .. "):rep(2^12) .. "x") error(err, 0)`, "too many syntax levels"},
	{"load, reader", `local f, err = load(function() return "x = 1 " end) error(err, 0)`, "chunk too long"},
	{"load in a loop", `while true do load("local x = 1 return x") end`, "longer than burst"},
	{"load, many locals", `local f, err = load(("local x; "):rep(1000)) error(err, 0)`, "main function has more than 200 local variables"},
	{"require itself", `package.preload.a = function() return require("a") end return require("a")`, "loop"},
	{"require each other", `package.preload.a = function() return require("b") end package.preload.b = function() return require("a") end return require("a")`, "loop"},

	// JSON.
	{"JSON encode, deep", `local t = {} for i = 1, 1e5 do t = {t} end return rover.json.encode(t)`, "64"},
	{"JSON encode, a ring", `local t = {} t[1] = t return rover.json.encode(t)`, "it contains itself"},
	{"JSON answer, a ring", `local t = {} t.t = t return t`, "it contains itself"},
	{"JSON decode, deep", `local v, err = rover.json.decode(("["):rep(2^20)) error(err, 0)`, "64"},
	{"JSON encode, the same often", `local t = {} for i = 1, 30 do t = {t, t} end return rover.json.encode(t)`, "longer than 16777216 bytes"},

	{"JSON decode, many", `while true do rover.json.decode("[" .. ("[],"):rep(2^20) .. "1]") end`, "longer than burst"},

	// Libraries: what comes out may go in again.
	{"hex", `local s = "x" while true do s = rover.hex.encode(s) end`, "resulting string too large"},
	{"base64", `local s = "x" while true do s = rover.base64.encode(s) end`, "resulting string too large"},
	{"url.encode", `local s = " " while true do s = rover.url.encode((" "):rep(#s + 1)) end`, "resulting string too large"},
	{"url.query_encode", `local s, t = (" "):rep(2^24), {} for i = 1, 1000 do t["k" .. i] = s end return rover.url.query_encode(t)`, "longer than 16777216 bytes"},
	{"url.query_encode, lists", `local l, t = {}, {} for i = 1, 1e6 do l[i] = "" end for i = 1, 1e5 do t["k" .. i] = l end return rover.url.query_encode(t)`, "more than 100000 values"},
	{"re.quote", `local s = "." while true do s = rover.re.quote(s) end`, "resulting string too large"},
	{"time.format", `return rover.time.format(0, ("%Y"):rep(2^23))`, "layout too long"},
	{"os.date", `return os.date(("%c"):rep(2^23))`, "resulting string too large"},
	{"log fields", `local s, t = ("x"):rep(2^24), {} for i = 1, 1000 do t["k" .. i] = s end rover.log.info("x", t) error("logged", 0)`, "logged"},
	{"messages", `local s = ("\0"):rep(2^22) for i = 1, 20 do s = select(2, pcall(function() api[s] = 1 end)) end return s + 1`, "cannot perform"},
	{"messages of coroutines", `local s = ("\0"):rep(2^22) for i = 1, 20 do s = select(2, coroutine.resume(coroutine.create(function() api[s] = 1 end))) end return s + 1`, "cannot perform"},
	{"messages of url", `local s = ("\1"):rep(2^22) for i = 1, 20 do s = select(2, rover.url.parse(s)) end return s + 1`, "cannot perform"},

	// Errors.
	{"error object, long", `error(("x"):rep(2^24))`, "x… (16777227 bytes)"},
	{"error object, a ring", `local t = {} t.t = t error(t)`, "error object without a message"},
	{"error object, __tostring", `error(setmetatable({}, {__tostring = function() error("again") end}))`, "error object without a message"},
	{"error object, __index", `error(setmetatable({}, {__index = function() while true do end end}))`, "error object without a message"},
	{"error in a loop", `while true do pcall(error, {}) end`, "longer than burst"},
	{"error level", `error("x", 2^53)`, "x"},
	{"error, a function", `error(print)`, "function"},
	{"patterns of data", `for i = 1, 1e9 do (""):find("^" .. i) end`, "longer than burst"},
}

// maxAbuseBytes is what the heap may grow to meanwhile.
const maxAbuseBytes = 512 << 20

func TestAbuse(t *testing.T) {
	for _, c := range abuse {
		t.Run(c.name, func(t *testing.T) {
			burst := 60 * time.Millisecond
			if !strings.Contains(c.want, "burst") {
				burst = 10 * time.Minute
			}
			s := newServer(t, `
				local api = rover.server {}
				function api.abuse.get() `+c.body+` end
				return api`, withBurst(burst))
			stop := watchHeap()
			got := answer(s.do("GET /abuse", ""))
			peak := stop()
			t.Logf("the heap grew to %d MiB", peak>>20)
			if peak > maxAbuseBytes {
				t.Errorf("%d MiB are too much", peak>>20)
			}
			logs := s.logged("script error")
			switch {
			case got != `500 {"error":"internal error"}`:
				t.Errorf("answered %.200s", got)
			case len(logs) != 1:
				t.Errorf("%d errors logged", len(logs))
			default:
				if msg := logs[0].ContextMap()["error"].(string); !strings.Contains(msg, c.want) {
					t.Errorf("logged %.300q, want %q", msg, c.want)
				}
			}
			if err := s.load(`
				local api = rover.server {}
				function api.fine.get() return "fine" end
				return api`, withBurst(10*time.Minute)); err != nil { // the VM serves on
				t.Fatal(err)
			}
			s.expect("GET /fine", "200 fine")
		})
	}
}

// watchHeap returns a function that says how large the heap has become at most since.
func watchHeap() (stop func() (peak uint64)) {
	done, peaks := make(chan struct{}), make(chan uint64)
	go func() {
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for peak := uint64(0); ; {
			metrics.Read(heap)
			peak = max(peak, heap[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-done:
				peaks <- peak
				return
			}
		}
	}()
	return func() uint64 { close(done); return <-peaks }
}
