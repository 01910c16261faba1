-- environments
eq(load("return _G")(), _G)
eq(loadstring("return _G")(), _G)
x = 1
loadstring("x = 2")()
eq(x, 2)
local env = {}
load("y = 1", "n", "t", env)()
eq(env.y, 1) eq(y, nil)
raises("bad argument #4", load, "x", "x", "t", 5)
list('1 2', load("return ...")(1, 2))

-- readers
local parts, i = {"return ", "4", "2"}, 0
eq(load(function() i = i + 1 return parts[i] end)(), 42)
assert(select(2, load(function() return {} end)):find("reader function must return a string", 1, true))
list('nil "stop"', load(function() error("stop", 0) end))
local object = {}
eq(select(2, load(function() error(object) end)), object)
eq(load(function() end)(), nil)
raises("function expected, got no value", load)
raises("function expected, got table", load, {})
raises("bad argument #1", loadstring)

-- messages
list([=[nil "[string \"x = = 1\"]:1: syntax error near '='"]=], loadstring("x = = 1"))
list([=[nil "c:2: syntax error near '<eof>'"]=], loadstring("x =\n", "=c"))
list([=[nil "c.lua:1: syntax error near 'then'"]=], load("if then", "@c.lua"))
list([=[nil "c:1: unterminated string near 'abc'"]=], loadstring("x = 'abc\n'", "=c"))
list([=[nil "c:3: no loop to break"]=], loadstring("\n\nbreak", "=c"))
list([=[nil "c:1: malformed number near '1e+'"]=], loadstring("return 1e+", "=c"))
assert(select(2, loadstring("x = 5 y", "=c")):find("c:1: ", 1, true))
assert(select(2, loadstring("x = ~1", "=c")):find("near '~'", 1, true))
assert(select(2, loadstring("\27Lua", "=c")):find("precompiled", 1, true))
list([=[nil "[string \"a...\"]:2: syntax error near '<eof>'"]=], loadstring("a\n"))
list('', loadstring("")())
raises("[string \"error('x')\"]:1: x", loadstring("error('x')"))
eq(loadstring("return 0xFFFFFFFFFFFFFFFF")(), 2^64)
eq(loadstring("return 0x10")(), 16)
eq(loadstring("#!/usr/bin/lua\nreturn 1")(), 1)

-- bounds
list([=[nil "c: chunk too long: the limit of load is 65536 bytes"]=], loadstring((" "):rep(65537), "=c"))
assert(loadstring((" "):rep(65536)))
assert(select(2, load(function() return "x" end)):find("chunk too long", 1, true))

-- function environments
local function f() return getfenv(1), z end
eq(f(), _G)
eq(setfenv(f, {getfenv = getfenv, z = 9}), f)
list('9', select(2, f()))
eq(getfenv(f).z, 9)
eq(getfenv(0), _G) eq(getfenv(print), _G) eq(getfenv(), _G) eq(getfenv(pcall), _G)
eq(select(2, pcall(getfenv)), _G)

-- the globals of a Lua thread: of what is loaded in it, and of coroutines that it makes
local thread = setmetatable({}, {__index = _G})
local wrap = coroutine.wrap
local outer = wrap(function()
	eq(select("#", setfenv(0, thread)), 0)
	eq(getfenv(0), thread) eq(getfenv(print), thread) eq(getfenv(1), _G)
	loadstring("loaded = 1")() load(function() return nil end)() load("both = 2")()
	wrap(function()
		eq(getfenv(0), thread) loadstring("inner = 3")()
		setfenv("0", {}) eq(getfenv(0).print, nil)
		assert(coroutine.running())
	end)()
	coroutine.yield()
	eq(getfenv(0), thread)
	return true
end)
outer()
eq(getfenv(0), _G)
eq(thread.loaded, 1) eq(thread.both, 2) eq(thread.inner, 3) eq(loaded or both or inner, nil)
eq(loadstring("return print")(), print)
assert(outer())
raises("cannot change environment", setfenv, print, {})
raises("bad argument #2", setfenv, f)
raises("invalid level", getfenv, 100)
raises("level must be non-negative", getfenv, -1)
raises("number expected, got boolean", getfenv, true)

-- pcall is one level
list('true 1', pcall(function() return getfenv(3) == _G and 1 end))
local of = setfenv(function(...) return select(2, pcall(...)) end, {select = select, pcall = pcall})
eq((of(function() local e = getfenv(3) return e end)).pcall, pcall)
local g = setfenv(function() setfenv(1, {}) return w end, _G)
w = 1
eq(g(), nil)
