-- segments that are made, names that mean something only directly on api
local api = rover.server {}
for _, version in ipairs { "v1", "v2" } do
  api[version].users.p_id.get = function(ctx) return version .. ctx:param("id") end
end
local function mount(at, name) at[name].get = function() return name end end
mount(api.pages, "index.html")
mount(api["well-known"], "x.json")
function api.pages.json.get() return "a page about JSON" end
function api.pages.text.error.get() return "x" end
function api.on_sale.get() return "not a hook" end
function api.users.p_id.get(ctx) return ctx:params().id end
function api.users.me.get() return "me" end
function api.users.w_rest.any(ctx) return ctx:param("rest") end
api.table = { get = function() return "x" end, below = { post = function() return "y" end } }
api["100%"].get = function() return "a percent sign" end
return api
