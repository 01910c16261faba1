local api = rover.server {}
function api.post(ctx)
  local form = ctx:body()
  local f = form:file("avatar")
  if f and f.contenttype then return f:text() end
  local type = f.content_typ --> unknown-field
  return { name = f.name, filename = f.filename, type = type } --> part-name
end
return api
