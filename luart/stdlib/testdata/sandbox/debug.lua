-- debug.traceback and debug.getinfo, in C Lua's form.
local function inner(...) return (debug.traceback(...)) end
local function outer(...) local t = inner(...) return t end

eq(outer("msg"):match("^(.-\n.-\n.-\n.-)\n"), "msg\nstack traceback:\n\tdebug.lua:2: in function 'inner'\n\tdebug.lua:3: in function 'outer'")
eq(outer("msg", 2):match("^.-\n.-\n(.-)\n"), "\tdebug.lua:3: in function 'outer'")
eq(outer():match("^[^\n]*"), "stack traceback:")
eq(outer(5):match("^[^\n]*"), "5")
eq(outer(nil), nil)
local t = {}
eq(outer(t), t)
assert(outer("m"):find("debug.lua:%d+: in main chunk"))
local global = { lib = { call = outer } }
assert(global.lib.call("m"):find("in function 'call'", 1, true))

-- pcall is one level, as in C Lua.
local _, traced = pcall(function() return debug.traceback("m") .. "" end)
assert(traced:find("^m\nstack traceback:\n\tdebug.lua:%d+: in function <debug.lua:%d+>\n\t%[C%]: in function 'pcall'\n\tdebug.lua:%d+: in main chunk"), traced)

-- Many levels are cut in the middle.
local function deep(n) if n == 0 then return (debug.traceback("m")) end local s = deep(n - 1) return s end
local _, lines = deep(100):gsub("\n", "")
eq(lines, 1 + 12 + 1 + 10)
assert(deep(100):find("\n\t...\n", 1, true))

-- A coroutine is looked at from its own innermost Lua call.
local co = coroutine.create(function() coroutine.yield() end)
coroutine.resume(co)
eq((debug.traceback(co, "m"):gsub("%d+", "N")), "m\nstack traceback:\n\tdebug.lua:N: in function <debug.lua:N>")

local function me() return debug.getinfo(1) end
local function named() local i = me() return i end
local i = named()
list('"debug.lua" "@debug.lua" "Lua" 31 31 31 "me" "upvalue" 0', i.short_src, i.source, i.what, i.currentline, i.linedefined, i.lastlinedefined, i.name, i.namewhat, i.nups)
eq(i.func, me)
i = debug.getinfo(1, "Sl")
list('"main" 36', i.what, i.currentline)
eq(i.func, nil) eq(i.name, nil)
i = debug.getinfo(print)
list('"C" "[C]" "=[C]" -1 -1', i.what, i.short_src, i.source, i.currentline, i.linedefined)
i = debug.getinfo(named, "L").activelines
eq(i[32], true)
eq(debug.getinfo(1000), nil)
eq(debug.getinfo(0, "n").name, "getinfo")
raises("invalid option", debug.getinfo, 1, "x")
raises("function or level expected", debug.getinfo, {})
eq(loadstring("return debug.getinfo(1, 'S').short_src", "=x")(), "x")
eq(loadstring("local s = debug.getinfo(1, 'S').short_src return s", "a b")(), '[string "a b"]')
-- Nothing writes.
for _, name in ipairs { "setlocal", "setupvalue", "setmetatable", "sethook", "setfenv", "getregistry", "getlocal" } do eq(debug[name], nil) end

-- Levels that are no levels.
for _, level in ipairs { 0/0, 1/0, -1/0, 1e300, -1.5, "0x10", "1e3" } do
  eq(type(debug.traceback("x", level)), "string")
  local info = debug.getinfo(level, "S")
  eq(info == nil or type(info) == "table", true)
end
