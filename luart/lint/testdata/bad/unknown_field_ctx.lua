local api = rover.server {}
function api.get(ctx)
  local agent = ctx:heder("User-Agent") --> unknown-field
  local method = ctx.verb --> unknown-field
  return { agent = agent, method = method }
end
function api.after.brand(ctx, res)
  res:sethead("X-A", "1") --> unknown-field
  if res.code == 200 then ctx:log("fine") end --> unknown-field
end
function api.next.get(ctx)
  local res = ctx:next()
  res:set_status(201) --> unknown-field
  return res
end
return api
