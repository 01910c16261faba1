local api = rover.server {}
function api.post(ctx)
  local form = ctx:body()
  local f = form:file("avatar")
  return { name = f.name, filename = f.filename } --> part-name
end
return api
