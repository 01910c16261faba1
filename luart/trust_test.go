package luart

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/outbound"
)

// victim is a script with a secret and a grant. It does with what it finds in the shared table what
// scripts do with a table, so that whatever is planted there runs.
const victim = `
local api = rover.server {}
local S = rover.state("shared")
secret = "global of the victim"
string.mine = function(s) return s end
local function each(f) return (select(2, pcall(f))) end
function api.touch.get()
  if type(S.f) == "function" then each(function() S.f({}) end) end
  each(function() return S.missing end)
  each(function() return S.nested.missing end)
  each(function() S.nested.new = 1 end)
  each(function() return S.nested .. "x" end)
  each(function() return S.nested + 1 end)
  each(function() return #S.nested end)
  each(function() return S.nested() end)
  each(function() return tostring(S.nested) end)
  each(function() return S.nested == S.other end)
  each(function() return S.nested < S.other end)
  each(function() for k in S.iterate, S, nil do return k end end)
  each(function() return coroutine.resume(S.co) end)
  each(function() return S.wrapped() end)
  each(function() return table.sort({ 3, 2, 1 }, S.compare) end)
  each(function() return ("x"):gsub("x", S.f) end)
  each(function() return rover.html { v = S.nested } [[ {{ v }} ]] end)
  each(function() return rover.cache("c"):fetch(tostring({}), S.f) end)
  each(function() return rover.parallel { S.f } end)
  each(function() return coroutine.wrap(function() S.f() end)() end)
  each(function() return xpcall(error, S.f) end)
  each(function() local ok, err = pcall(S.f) if not ok and type(err) == "table" then return tostring(err) end end)
  return "touched"
end
function api.login.get(ctx)
  return tostring(rover.crypto.equal(ctx:query().t or "", rover.config.token)) .. string.format(" %s", "ok") .. ("x"):upper() ..
    (secret == "global of the victim" and "" or secret)
end
return api`

// attacks is what a script without grants plants in what it shares with the victim.
var attacks = []struct{ name, plant string }{
	{"a metatable on the shared table", `setmetatable(S, { __index = probe, __newindex = probe })`},
	{"a metatable by rover.json.array", `setmetatable(rover.json.array(S), { __index = probe })`},
	{"the metatable of the shared table", `local m = getmetatable(S) if type(m) == "table" then m.__index = probe end`},
	{"a default with a metatable", `rover.state("shared2", setmetatable({}, { __index = probe }))`},
	{"a function", `S.f = probe`},
	{"__index of a nested table", `S.nested = setmetatable({}, { __index = probe })`},
	{"__newindex of a nested table", `S.nested = setmetatable({}, { __newindex = probe })`},
	{"operators of a nested table", `S.nested = setmetatable({}, { __add = probe, __concat = probe, __len = probe, __lt = probe, __eq = probe, __le = probe })
		S.other = setmetatable({}, getmetatable(S.nested))`},
	{"__call and __tostring of a nested table", `S.nested = setmetatable({}, { __call = probe, __tostring = probe })`},
	{"an iterator", `S.iterate = probe`},
	{"a coroutine", `local function body() while true do probe() coroutine.yield() end end own[body] = true S.co = coroutine.create(body)`},
	{"a wrapped coroutine", `local function body() while true do probe() coroutine.yield() end end own[body] = true S.wrapped = coroutine.wrap(body)`},
	{"a comparator", `S.compare = function() probe() return false end`},
	{"an error object", `S.f = function() error(setmetatable({}, { __tostring = probe })) end`},
	{"a function of load", `S.f = load("probe()", "x", "t", { probe = probe })`},
	{"a function in an environment of its own", `S.f = setfenv(function() probe() end, setmetatable({ probe = probe }, { __index = _G }))`},
	{"a closure that waits", `S.f = function() rover.sleep(0.001) probe() end`},
	{"a function that yields", `S.f = function() pcall(coroutine.yield) probe() end`},
}

// attacker is a script that plants something. Its probe, called by the victim, tries to get at what
// is the victim's, and spoils what it gets at.
const attacker = `
local api = rover.server {}
local S = rover.state("shared")
local G, found, ran, own, own_coroutine, planted = _G, {}, 0, {}, false, "planted"
-- Locals: setfenv takes the globals of these functions, too.
local pcall, getfenv, setfenv, getmetatable, type, rawget, load, debug = pcall, getfenv, setfenv, getmetatable, type, rawget, load, debug
local coroutine, ipairs, pairs, rover, package, concat = coroutine, ipairs, pairs, rover, package, table.concat
local function caught(what, v)
  if type(v) == "table" and v ~= G and (rawget(v, "rover") ~= nil and rawget(v, "rover") ~= rover or rawget(v, "secret") ~= nil or
      rawget(v, "mine") ~= nil) then
    found[#found + 1] = what
    pcall(function() v.rover.crypto.equal = function() return true end end)
    pcall(function() v.secret = "changed" end)
    pcall(function() v.format = function() return "poisoned" end end)
  end
end
function probe()
  ran = ran + 1
  for level = 0, 20 do
    local ok, env = pcall(getfenv, level)
    if ok then caught("getfenv " .. level, env) end
    local ok, f = pcall(setfenv, level, { rover = { crypto = { equal = function() return true end }, config = {} } })
    -- The Lua thread of a coroutine of its own is its own, too.
    if ok and own_coroutine and level == 0 then setfenv(0, G)
    elseif ok and own[f] then setfenv(f, G) elseif ok then found[#found + 1] = "setfenv " .. level end
    if debug and debug.getinfo then
      local ok, info = pcall(debug.getinfo, level)
      if ok and info and info.func and info.what ~= "C" and not own[info.func] then found[#found + 1] = "getinfo " .. level end
    end
  end
  local meta = getmetatable("")
  caught("getmetatable('')", meta)
  caught("getmetatable('').__index", type(meta) == "table" and meta.__index)
  caught("('').__index", ("").__index)
  caught("package.loaded", package.loaded) caught("package.loaded._G", package.loaded._G)
  if coroutine.running() and not own_coroutine then found[#found + 1] = "coroutine.running" end
  caught("load", load("return _G")())
  for _, f in ipairs { print, rover.json.encode, ("").upper, api.json } do
    local ok, env = pcall(getfenv, f)
    if ok then caught("getfenv of a Go function", env) end
  end
end
own[probe], own[caught] = true, true
local function plant()
  %s
end
local ok, err = pcall(plant)
if not ok then planted = err end
own_coroutine = S.co ~= nil or S.wrapped ~= nil
for _, f in pairs(S) do own[f] = true end
function api.found.get() return planted .. "; ran " .. (ran > 0 and "yes" or "no") .. "; found: " .. concat(found, ", ") end
return api`

// A script without grants, in one VM with one that has secrets and grants, gets at none of them,
// whatever it plants in what they share; and it cannot change what the other one calls.
func TestSharedVMAttacks(t *testing.T) {
	for _, tt := range attacks {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, victim, func(s *Script) {
				s.Config = map[string]string{"token": "s3cret"}
				s.Net = outbound.NewPolicy()
			})
			theirs := s.gen
			if err := s.load(fmt.Sprintf(attacker, tt.plant)); err != nil {
				t.Fatal(err)
			}
			mine := s.gen
			if mine.env.RawGetString("rover").(*lua.LTable).RawGetString("config").(*lua.LTable).RawGetString("token") != lua.LNil {
				t.Fatal("the attacker has the secret of its own accord")
			}
			s.gen = theirs
			s.expect("GET /touch", "200 touched")
			s.gen = mine
			got := answer(s.do("GET /found", ""))
			if !strings.HasSuffix(got, "; found: ") {
				t.Errorf("the attacker has %s", got)
			}
			refused := !strings.Contains(got, "planted")
			if ran := strings.Contains(got, "ran yes"); ran == (refused || strings.Contains(tt.plant, "getmetatable(S)")) {
				t.Errorf("what is planted runs or is refused: %s", got)
			}
			s.gen = theirs
			s.expect("GET /login?t=x", "200 false okX")
			s.expect("GET /login?t=s3cret", "200 true okX")
		})
	}
}

// Of what generations share nothing can be given another metatable, and none leads to a table that
// can be changed.
func TestSharedMetatables(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local S = rover.state("s", { n = 1 })
		local list = rover.state("list", rover.json.array { 1, 2 })
		local marked = rover.json.array(rover.state("marked"))
		local node = api.users
		function api.get(ctx)
			for name, v in pairs { state = S, list = list, marked = marked, ctx = ctx, query = ctx:query(), null = rover.json.null,
				headers = ctx:headers(), res = api.text("x"), api = api, node = node, hooks = api.before, builder = api.json,
				life = api.on_start, at = api:at("/"), cache = rover.cache("c"), lock = rover.lock("l"), channel = rover.channel("ch"), html = rover.html,
				fragment = rover.html{}[[ {{ 1 }} ]], env = rover.env, body = ctx:body() } do
				assert(type(getmetatable(v)) ~= "table", name .. " shows its metatable")
				assert(not pcall(setmetatable, v, {}), name .. " takes another metatable")
			end
			assert(getmetatable(S) == "rover.state")
			assert(#list == 2 and rover.json.encode(list) == "[1,2]" and rover.json.encode(marked) == "[]")
			S.x, S.n = nil, 1
			assert(S.missing == nil and rover.json.encode(S) == '{"n":1}')
			rover.cache("c"):set("k", S) assert(rover.cache("c"):get("k").n == 1)
			S.nested = setmetatable({}, { __index = { class = "of the script's own" } })
			local ok, err = pcall(rover.state, "other", setmetatable({}, {}))
			assert(not ok and err:find('rover.state("other"): the default has a metatable', 1, true), err)
			local nested = S.nested
			S.nested = nil
			return nested.class
		end
		return api`)
	s.expect("GET /", "200 of the script's own")
}

// What a script stores for its next version still works there, and is what it was.
func TestTrustAcrossReload(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local S = rover.state("s")
		mine = "first"
		local Class = {} Class.__index = Class
		function Class:name() return self.n .. " of " .. mine end
		S.object = setmetatable({ n = "object" }, Class)
		S.call = function(x) return mine .. x end
		S.make = coroutine.wrap(function() while true do coroutine.yield(mine) end end)
		return api`)
	if err := s.load(`
		local api = rover.server {}
		local S = rover.state("s")
		mine = "second"
		function api.get()
			local env = {}
			local f = setfenv(function() return getfenv(1), getfenv(2) end, setmetatable(env, { __index = _G }))
			local inner, outer = f()
			assert(inner == env and outer == _G and getfenv(f) == env)
			assert(getfenv(load("return 1", "x", "t", env)) == env)
			assert(getfenv(S.call) == _G and not pcall(setfenv, S.call, {}))
			return table.concat({ S.object:name(), S.call(" call"), S.make(), mine }, ", ")
		end
		return api`); err != nil {
		t.Fatal(err)
	}
	s.expect("GET /", "200 object of first, first call, first, second")
}
