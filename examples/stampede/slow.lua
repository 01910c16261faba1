-- A slow service that counts how often it is asked.
local api = rover.server {}
local calls = rover.state("calls", {})

function api.report.p_id.get(ctx)
  local id = ctx:param("id")
  calls[id] = (calls[id] or 0) + 1
  rover.sleep(0.5)
  if id == "none" then return api:error(404, "no such report") end
  if id == "broken" then return api:error(500, "broken") end
  local max_age = id == "live" and 1 or 60
  return api.json({ report = id, call = calls[id] }):set_header("Cache-Control", "max-age=" .. max_age)
end

function api.calls.get() return calls end

return api
