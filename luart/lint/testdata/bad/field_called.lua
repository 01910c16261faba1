local api = rover.server {}
function api.get(ctx)
  local path = ctx:path() --> field-called
  return { path = path, method = ctx.method() } --> field-called
end
return api
