-- producers that return what they made of functions, and functions that make producers
local api = rover.server {}
local function counter()
  local n = 0
  return function() n = n + 1 return n < 3 and "x" or nil end
end
function api.a.get() return api.sse(counter()) end
function api.b.get()
  return api.sse(function()
    local make = function() return function() return "x" end end
    return make()()
  end)
end
function api.c.get() return api.json { make = tostring(counter) } end
function api.d.get()
  local produce = counter
  produce = produce()
  return api.stream(200, "text/plain", produce)
end
return api
