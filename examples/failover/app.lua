-- A page comes from the primary service, else from the secondary, else from what either
-- has answered before.
local api = rover.server {}
local config = rover.config
local pages = rover.cache("pages", { max_items = 1000, max_bytes = "16MiB", ttl = 3600 })

function api.page.w_path.get(ctx)
  for _, name in ipairs { "primary", "secondary" } do
    local res = ctx:proxy(config[name], { timeout = 1 }) -- seconds until the head of its answer
    if not res.error and res.status < 500 then
      if res.status == 200 then
        pages:set(ctx.uri, { text = res:body():text(), type = res:header("Content-Type") })
      end
      return res:set_header("X-Served-By", name)
    end
    ctx:log("a service does not answer", { service = name, status = res.status, error = res.error })
  end
  local old = pages:get(ctx.uri)
  if not old then return api:error(502, "no service answers") end
  return api.raw(old.text, old.type)
    :set_header("X-Served-By", "cache")
    :set_header("Warning", '110 - "Response is Stale"')
end

-- To try it: switches a service on or off.
function api.switch.p_name.p_to.post(ctx)
  local service = config[ctx:param("name")]
  if not service then return api:error(404, "no such service") end
  return api.proxy(service, { path = "/" .. rover.url.encode(ctx:param("to")) })
end

return api
