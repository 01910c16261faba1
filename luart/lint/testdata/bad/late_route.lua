local api = rover.server {}
function api.add.p_name.post(ctx)
  api[ctx:param("name")].get = function() return "new" end --> late-route
  api.config.readiness.dependency = {} --> late-route
  function api.other.get() return "other" end --> late-route
end
return api
