local api = rover.server {}
function api.users.p_id.get(ctx)
  local p = ctx:params()
  return { id = ctx:param("ip"), name = ctx:params().name, other = p.di } --> unknown-parameter unknown-parameter unknown-parameter
end
return api
