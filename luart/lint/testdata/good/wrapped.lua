-- handlers that are wrapped, shared, and called by others
local api = rover.server {}
local function logged(f)
  return function(ctx)
    ctx:log("called")
    return f(ctx)
  end
end
function api.get(ctx) return { path = ctx.path } end
api.get = logged(api.get)
local function show(ctx) return ctx:param("id") or ctx:param("name") end
api.users.p_id.get, api.shops.p_name.get = show, show
function api.again.get(ctx) return api.get(ctx) end
function api.before.auth() end
local auth = api.before.auth
api.before.auth = function(ctx) return auth(ctx) end
for _, method in ipairs { "get", "post" } do api.both[method] = show end
return api
