local m = {}
function m.routes(api)
  function api.get(ctx)
    api:error(400, "x") --> dropped-response
    return missing_name --> undefined-global
  end
end
return m
