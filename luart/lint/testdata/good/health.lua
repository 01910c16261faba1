-- Dependencies are set while requests are served.
local api = rover.server { health = true, readiness = { dependencies = { redis = true, db = function() return true end } } }
function api.before.redis() api.config.readiness.dependencies.redis = false end
function api.p_name.put(ctx)
  api.config.readiness.dependencies[ctx:param("name")] = true
  rover.ready("redis", nil, "gone")
  return tostring(api.config.readiness.dependencies.redis)
end
return api
