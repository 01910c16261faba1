-- The smallest script: two routes, answered in Lua.
local api = rover.server {}

function api.get()
  return { message = "hello from Lua" }
end

function api.hello.p_name.get(ctx)
  return api.text("hello, " .. ctx:param("name"))
end

return api
