-- A service that can be switched off.
local api = rover.server {}
local me = rover.state("me", { up = true })

function api.on.post() me.up = true return "on" end
function api.off.post() me.up = false return "off" end

function api.page.w_path.get(ctx)
  if not me.up then return api:error(503, "I am off") end
  return rover.config.name .. " has made " .. ctx:param("path")
end

return api
