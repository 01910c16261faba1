local api = rover.server {}
function api.before.admin(ctx)
  if ctx:query("admin") then return end --> surplus-argument
  if ctx:cookies("session") or ctx:headers "x-token" then return end --> surplus-argument surplus-argument
  if ctx:query().admin or ctx:cookie("session") or ctx:header("x-token") then return end
  return api:error(403, "no")
end
function api.p_id.post(ctx)
  local id = ctx:params("id") --> surplus-argument
  return { id = id, name = ctx:body("name") } --> surplus-argument
end
return api
