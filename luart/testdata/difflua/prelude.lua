-- Runs programs, in lua5.1 and in Rover's VM alike, and says what they computed. Two things are left out on purpose:
-- the wording of errors that no script has raised (their line counts), and digits of a number after the 12th.

local list = (...)("%.12g")

-- Of an error the line, and the words if a program has raised it: those begin with "!".
local function fault(e)
  if type(e) ~= "string" then return e end
  if e:find("yield", 1, true) then return "error" end -- in lua5.1 outside of a coroutine without a line
  local line, words = e:match("^p:(%d+): (.*)$")
  if not line then return e:sub(1, 1) == "!" and e or "error" end
  return line .. (words:sub(1, 1) == "!" and words or "")
end

local function step(n, i) if i < n then return i + 1, i * 2 end end

local helpers = {
  zero = 0, -- as a constant lua5.1 would take it for the -0 of another place in the program
  cut = function(s) return s:sub(1, 40) end,
  S = function(n)
    if n ~= n then return "nan" end
    if n == 0 then return "0" end
    if n == 1/0 or n == -1/0 then return "inf" end
    return (string.format("%.12g", n))
  end,
  -- A number that looks the same as a text: zero and NaN have no sign here.
  num = function(n) if n ~= n or n == 0 then return 0 end return n end,
  -- An index of an array, or the next one.
  at = function(t, n)
    if n ~= n or n > 1e9 or n < -1e9 then n = 0 end -- the remainder of such a number is none of an index
    local length = 0 -- up to the first hole
    while t[length + 1] ~= nil do length = length + 1 end
    return math.floor(n) % (length + 1) + 1
  end,
  -- Whether the items are numbers with an order: with a NaN any is right, and of a comparison that raises in sort the
  -- line is here and not in lua5.1.
  ordered = function(t)
    for i = 1, #t do if type(t[i]) ~= "number" or t[i] ~= t[i] then return false end end
    return true
  end,
  -- A list up to its first hole: behind one, its length is any.
  whole = function(t)
    local list = {}
    while t[#list + 1] ~= nil do list[#list + 1] = t[#list + 1] end
    return list
  end,
  small = function(n)
    if n ~= n or n > 9 or n < -9 then return 3 end
    return math.floor(n)
  end,
  nz = function(n) if n == 0 then return 0 end return n end, -- without its sign
  fault = fault,
  step = step,
  range = function(n) return step, n, 0 end,
  -- The iterator alone: the state is the upvalue's, the control variable starts as nil.
  count = function(n) local i = 0 return function() i = i + 1 if i <= n then return i, -i end end end,
  try = function(f, ...)
    local function results(ok, ...)
      if ok then return true, ... end
      return false, fault((...))
    end
    return results(pcall(f, ...))
  end,
  spairs = function(t)
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
      if type(a) ~= type(b) then return type(a) < type(b) end
      return a < b
    end)
    local i = 0
    return function() i = i + 1 if keys[i] ~= nil then return keys[i], t[keys[i]] end end
  end,
}
helpers.lib = function() return { range = helpers.range, sub = { words = function(s) return s:gmatch("%a+") end } } end

return function(source)
  local said, fuel = {}, 1500
  local env = setmetatable({}, { __index = _G })
  for name, f in pairs(helpers) do env[name] = f end
  env.out = function(...) if #said < 200 then said[#said + 1] = list(...) end end
  env.mark = function(n) env.out("mark", n) return n end
  env.tick = function() fuel = fuel - 1 if fuel < 0 then error("!fuel", 0) end return true end
  local f, err = loadstring(source, "=p")
  if not f then return "does not compile: " .. err end
  env.try = function(...) -- no errors of fuel: a program ends soon after it
    local function passed(...)
      if fuel < 0 then error("!fuel", 0) end
      return ...
    end
    return passed(helpers.try(...))
  end
  setfenv(f, env)
  -- Where it can be had, an end for what has lost its own while it was made smaller.
  if debug and debug.sethook then debug.sethook(function() error("!endless", 0) end, "", 1e8) end
  local function done(ok, ...)
    if ok then return "returned " .. list(...) end
    return "failed " .. list(fault((...)))
  end
  said[#said + 1] = done(pcall(f))
  return table.concat(said, "\n")
end
