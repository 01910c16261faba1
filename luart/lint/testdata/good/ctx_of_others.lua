-- things called ctx, res and api that are something else
local api = rover.server {}
local function render(ctx) return ctx.title .. ctx:upper() end
local function log(res) res.code = 1 return res.anything end
function api.get() return render(setmetatable({ title = "x" }, { __index = string })) .. tostring(log {}) end
function api.method.get(ctx)
  local header = ctx.header
  local get = function(...) return header(ctx, ...) end
  if ctx.tls and ctx.tls.client then return ctx.tls.client.subject end
  if ctx.method == "get" or ctx.mirror then return get("X-A") end
  return ctx.header(ctx, "X-B")
end
do
  local api = { json = print, jsn = print }
  api.jsn("x")
  api.json("x")
end
function api.rebound.get(ctx)
  ctx = { anything = true }
  return ctx.anything
end
return api
