local api = rover.server {}
function api.before.guard(ctx)
  if not ctx:header("X-Token") then return 401 end --> status-alone
  if ctx:header("X-Token") ~= "a" then return "no", 401 end
end
function api.users.p_id.get(ctx)
  if ctx:param("id") == "0" then return 404 end --> status-alone
  if ctx:param("id") == "1" then return 42 end
  return {}, 404
end
return api
