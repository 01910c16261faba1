local api = rover.server {}
function api.any(ctx)
  ctx:body():text()
  return "the same from both"
end
return api
