local api = rover.server {}
local cache = {}
function api.report.p_id.get(ctx)
  local id = ctx:param("id")
  if cache[id] then
    return { report = cache[id] }
  else
    local report = rover.crypto.sha256(id)
    cache[id] = report
  end
end --> missing-return
function api.user.get(ctx)
  if ctx:header("X-User") then return { user = ctx:header("X-User") } end
  local anonymous = { user = "anonymous" }
end --> missing-return
return api
