local api = rover.server {}
function api.a.get()
  return api.sse(function()
    local sub = rover.subscribe("news")
    return function() return sub:recv(20) end --> bad-argument
  end)
end
function api.b.get()
  local function made() return function() return "x" end end --> bad-argument
  return api.stream(200, "text/plain", made)
end
function api.c.get() return api.sse:with_headers(201, {}, function() return function() end end, 10) end --> bad-argument
function api.d.get() return api:stream_with_headers(200, "text/plain", {}, function() return function() end end) end --> bad-argument
return api
