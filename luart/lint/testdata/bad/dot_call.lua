local api = rover.server {}
function api.get(ctx)
  if not ctx.header("X-Token") then --> dot-call
    return api.error(401, "who are you?") --> dot-call
  end
  return api.json.status(201, {}) --> dot-call
end
local sessions, cache = rover.session.new { secure = false }, rover.cache("c")
function api.a.get(ctx)
  local s = sessions.start(ctx) --> dot-call
  local v = cache.get("a") --> dot-call
  local own = sessions:start(ctx)
  own.set("a", 1) --> dot-call
  return { v or cache.get(cache, "a"), s }
end
return api
