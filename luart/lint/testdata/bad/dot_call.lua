local api = rover.server {}
function api.get(ctx)
  if not ctx.header("X-Token") then --> dot-call
    return api.error(401, "who are you?") --> dot-call
  end
  return api.json.status(201, {}) --> dot-call
end
return api
