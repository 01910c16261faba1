local api = rover.server {}
function api.adimn.before.auth(ctx) --> guard-covers-nothing
  if not ctx:header("X-Token") then return api:error(401, "who are you?") end
end
function api.admin.users.get() return "secret" end
return api
