-- Evaluates expressions that call the library, in lua5.1 and in Rover's VM alike, and says what they
-- returned or raised. Of numbers 14 digits are said, and of errors what they say, where "bad argument #n to 'f' (…)" is without the name and the place in front.

local list = (...)("%.14g")

local function said(ok, ...)
  if not ok then
    local e = (...)
    if type(e) ~= "string" then return "raises " .. list(e) end
    local n, why = e:match("bad argument #(%d+) to %S+ %((.*)%)")
    return n and "bad argument #" .. n .. " (" .. why .. ")" or "error: " .. e:gsub("\n.*", "")
  end
  return list(...)
end

-- What expressions find besides the library.
local env = setmetatable({}, { __index = _G })
env.list = function(...) return { ... } end
env.id = function(...) return ... end
-- Where a chunk has a syntax error, and what it returns without one.
env.place = function(chunk, name)
  local f, err = loadstring(chunk, name)
  if f then return f() end
  return (err:match("^(.-:%d+: )"))
end
env.fail = function() error("!fail", 0) end
-- A list after a function has changed it, and what the function returned.
env.on = function(t, f, ...) return t, f(t, ...) end
env.all = function(s, p)
  local found = {}
  for a, b in s:gmatch(p) do
    found[#found + 1] = { a, b }
    if #found > 20 then break end
  end
  return found
end
env.meta = function(meta) return setmetatable({}, meta) end
env.steps = function(f, ...)
  local co = coroutine.create(f)
  local log = {}
  for i = 1, 4 do log[i] = { coroutine.resume(co, ...) } end
  log[5] = coroutine.status(co)
  return log
end

return function(expression)
  local f, err = loadstring("return " .. expression, "=e")
  if not f then return "does not compile: " .. err end
  return said(pcall(setfenv(f, env)))
end
