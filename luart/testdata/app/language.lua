-- GET /clean => 200 text
-- GET /places => 200 {"field":"a","key":"a","set":"a","error":"a","argument":"a","operand":"ab"}
-- GET /words => 200 a b c d
-- GET /stateless => 200 6
-- GET /dead => 200 2
-- GET /swap => 200 2 1 55 12
-- GET /precision => 200 53 false
-- GET /loaded => 200 false 2 1 text 3 6 2
-- GET /page => 200 <p>false 2 1 text 6</p>
-- GET /task => 200 false 2 1
-- POST /parameter/1 => 200 true
local api = rover.server {}
-- What a compiler makes of assignments to locals that exist, of one result of several, of loops over
-- what a call returns, and of conditions that are known: in handlers and wherever else code is compiled.
local function it(n, i) i = i + 1 if i <= n then return i end end
local function lib() return { words = function(s) return s:gmatch("%a+") end, text = { words = function(s) return s:gmatch("%a") end } } end

local function clean(s) s = (s:gsub("%s+$", "")) return s end
function api.clean.get() return clean("text  ") end

-- Where a result that went wrong was not seen at once.
function api.places.get(ctx)
  local function first(...) local s = "" s = (...) return s end
  local t, v = {}, "x"
  v = (("a "):gsub(" ", ""))
  t[v] = v
  ctx:set("v", v)
  local _, err = pcall(function() local e = "" e = (("a "):gsub(" ", "")) error(e, 0) end)
  return { field = v, key = t.a, set = ctx:get("v"), error = err, argument = first("a", "b"), operand = v .. "b" }
end

function api.words.get()
  local found = {}
  for w in lib().words("a b c") do found[#found + 1] = w end
  for w in (lib()).text.words("d") do found[#found + 1] = w end
  return table.concat(found, " ")
end

function api.stateless.get()
  local n, a, b = 0, 1, 2 -- whose registers the loops use
  local function step(_, i) i = (i or 0) + 1 if i < 4 then return i end end
  for _ in step do n = n + 1 end
  for _ in step do n = n + 1 end
  return n
end

function api.dead.get()
  local r = {}
  for v, w in it, 2, 0 do if false then local p = 1 v = p else r[#r + 1] = v end end
  return #r
end

local function swapped()
  local a, b = 1, 2
  a, b = b, a
  local x, y = 0, 1
  for _ = 1, 10 do x, y = y, x + y end
  local m, n = 48, 36
  while n ~= 0 do m, n = n, m % n end
  return a .. " " .. b .. " " .. x .. " " .. m
end
function api.swap.get() return swapped() end

-- How a library finds out how many bits of a number are exact.
function api.precision.get()
  local k, n, m, before = 0, 1.0, 1.0
  while true do
    k, before, n, m = k + 1, n, n + n + 1, m + m + k % 2
    if k > 256 or n - (n - 1) ~= 1 or m - (m - 1) ~= 1 or n == m then return k .. " false" end
    if n == before then return k .. " true" end
  end
end

-- The same in code that comes as text, in a template, and in a background task.
function api.loaded.get()
  return assert(load [[
    local ok, banned, trusted = true, "1", "yes"
    ok = not banned and trusted == "yes"
    local a, b = 1, 2
    a, b = b, a
    local s = "text  "
    s = (s:gsub("%s+$", ""))
    local function lib() return { words = function(s) return s:gmatch("%a+") end } end
    local n, m, r = 0, 0, {}
    for _ in lib().words("a b c") do n = n + 1 end
    local function step(_, i) i = (i or 0) + 1 if i < 4 then return i end end
    for _ in step do m = m + 1 end
    for _ in step do m = m + 1 end
    local function it(n, i) i = i + 1 if i <= n then return i end end
    for v, w in it, 2, 0 do if false then local p = 1 v = p else r[#r + 1] = v end end
    return table.concat({ tostring(ok), a, b, s, n, m, #r }, " ")
  ]])()
end

function api.page.get()
  return api.html { text = "text  ", banned = "1" } [[<p>{{
    local ok, a, b, s, m = true, 1, 2, text, 0
    ok = not banned and text == "yes"
    a, b = b, a
    s = (s:gsub("%s+$", ""))
    local function step(_, i) i = (i or 0) + 1 if i < 4 then return i end end
    for _ in step do m = m + 1 end
    for _ in step do m = m + 1 end
  }}{{ ok }} {{ a }} {{ b }} {{ s }} {{ m }}</p>]]
end

function api.task.get()
  local done = rover.channel("done", 1)
  rover.spawn(function()
    local ok, banned, a, b = true, "1", 1, 2
    ok = not banned and a == 1
    a, b = b, a
    done:send(tostring(ok) .. " " .. a .. " " .. b)
  end)
  return done:recv()
end

-- A parameter is a local that exists.
local function allowed(ok, banned) ok = not banned and ok return ok end
api:at("/parameter/:n").post = function(ctx) return tostring(allowed(ctx:param("n") == "1", nil) and allowed(true, 1) == false) end
return api
