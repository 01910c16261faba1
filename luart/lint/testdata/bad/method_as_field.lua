local api = rover.server {}
function api.users.p_id.get(ctx)
  local id = ctx.params.id --> method-as-field
  for name in pairs(ctx.headers) do print(name) end --> method-as-field
  if ctx.request_id == "x" then return "y" end --> method-as-field
  return { id = id, from = ctx.path .. ctx.request_id } --> method-as-field
end
function api.after.brand(_, response)
  print(response.headers["X-Served-By"]) --> method-as-field
end
return api
