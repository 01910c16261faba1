local api = rover.server {}
function api.get(ctx)
  user = ctx:header("X-User") --> global-write
  return { user = user }
end
local function helper()
  function format_user(name) return name:upper() end --> global-write
  return format_user
end
function api.format.get() return helper()("ann") end
return api
