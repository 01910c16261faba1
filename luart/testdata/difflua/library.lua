-- Evaluates expressions that call the library, in lua5.1 and in Rover's VM alike, and says what they
-- returned or raised. Of numbers 14 digits are said, of functions, threads and userdata the type, and of errors
-- what they say, where "bad argument #n to 'f' (…)" is without the name and the place in front.

local function ser(v, depth)
  if type(v) == "number" then
    if v ~= v then return "nan" end
    if v == 0 then return "0" end -- computed here, 0 has no sign
    if v == 1/0 or v == -1/0 then return v > 0 and "inf" or "-inf" end
    return (string.format("%.14g", v))
  elseif type(v) == "string" then
    return '"' .. v:gsub("[%c\\\"\127-\255]", function(c) return ("\\%03d"):format(c:byte()) end) .. '"'
  elseif type(v) ~= "table" then
    return type(v) == "boolean" and tostring(v) or type(v)
  elseif depth > 3 then
    return "{...}"
  end
  local keys = {}
  for k, x in pairs(v) do keys[#keys + 1] = ser(k, depth + 1) .. "=" .. ser(x, depth + 1) end
  table.sort(keys)
  return "{" .. table.concat(keys, ",") .. "}"
end

local function said(ok, ...)
  if not ok then
    local e = (...)
    if type(e) ~= "string" then return "raises " .. ser(e, 0) end
    local n, why = e:match("bad argument #(%d+) to %S+ %((.*)%)")
    return n and "bad argument #" .. n .. " (" .. why .. ")" or "error: " .. e:gsub("\n.*", "")
  end
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = ser((select(i, ...)), 0) end
  return table.concat(parts, " ")
end

-- What expressions find besides the library.
local env = setmetatable({}, { __index = _G })
env.list = function(...) return { ... } end
env.id = function(...) return ... end
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
