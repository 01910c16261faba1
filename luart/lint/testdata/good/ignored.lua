-- what a comment turns off
local api = rover.server {}
function api.get(ctx)
  api:error(400, "x") -- rover: ignore dropped-response
  -- rover: ignore undefined-global, method-as-field
  return missing, ctx.params.id
end
function api.all.get() return also_missing end -- rover: ignore
return api
