local api = rover.server {}
function api.after.h(ctx, res)
  ctx:set_header("X-Frame-Options", "DENY") --> change-in-after
  res:set_header("X-Frame-Options", "DENY")
  ctx:set("seen", true)
end
function api.after.body(ctx, res)
  if res.status == 500 then ctx:rewrite("/error") end --> change-in-after
end
function api.before.h(ctx) ctx:set_header("X", "1") end
function api.get(ctx) ctx:set_header("X", "1") return api.pass() end
return api
