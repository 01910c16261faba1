-- GET /own => 203 own
-- GET /passed => 418 GET /passed 
-- GET /replaced => 200 other
-- GET /broken => 500 {"error":"internal error"}
-- GET /failing => 500 {"error":"internal error"}
local api = rover.server {}
local kept
function api.own.get() return "own" end
function api.own.after.status(ctx, res) if res.status == 200 then res.status = 203 end end
function api.passed.after.teapot(ctx, res)
  assert(res:header("X-Next") == "yes")
  res.status = 418
  res:set_header("X-After", ctx.path)
  assert(not kept or not pcall(function() return kept.status end), "a kept res is over")
  kept = res
end
function api.replaced.after.other() return "other" end
function api.broken.after.boom() local x; x() end
function api.failing.get() error("x") end
return api
