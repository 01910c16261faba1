-- Scripts of Rover's own server, as its documents write them: hooks, errors, on_start and its kin.
-- GET /admin/x => 401 {"oops":"no"} | X-Brand: rover
-- GET /admin/x | X-Token: t => 200 {"user":"ann"} | X-Brand: rover
-- GET /admin/nowhere => 401 {"oops":"no"}
-- GET /a/b => 200 root1 root2 a b
-- GET /replaced => 200 other
-- GET /changed => 203 b
-- GET /boom => 500 {"oops":true}
-- GET /taken => 409 {"oops":"taken"}
-- GET /caught => 503 {"error":"down"}
-- GET /table => 403 {"error":"table message"}
-- GET /started => 200 true
-- GET /id | X-Request-Id: req-1 => 200 {"id":"req-1","l":"root1 root2"}
local api = rover.server {}
local started = false

function api.on_start() started = true end
function api.on_stop() rover.log.info("stop") end
function api.on_shutdown() rover.log.info("shutdown") end
function api.on_error(err, ctx)
  return api.json:status(err.status, { oops = err.status == 500 and type(err.message) == "string" or err.message })
end

local function add(name)
  return function(ctx) ctx:set("list", (ctx:get("list") and ctx:get("list") .. " " or "") .. name) end
end
api.before.one = add("root1")
api.before.two = add("root2")
api.a.before.x = add("a")
api.a.b.before.y = add("b")
function api.a.b.get(ctx) return ctx:get("list") end

function api.admin.before.auth(ctx)
  if ctx:headers()["x-token"] ~= "t" then error { status = 401, message = "no" } end
  ctx:set("user", "ann")
end
function api.admin.x.get(ctx) return { user = ctx:get("user") } end
function api.after.brand(ctx, res) res:set_header("X-Brand", "rover") end

function api.replaced.get(ctx) return "a" end
function api.replaced.after.x(ctx) return "other" end
function api.changed.get(ctx) return "b" end
function api.changed.after.x(ctx, res) res.status = 203 end

function api.boom.get(ctx) error("boom") end
function api.taken.get(ctx) error { status = 409, message = "taken" } end
function api.caught.get(ctx)
  local _, err = pcall(error, { status = 503, message = "down" })
  return api:error(err.status, err)
end
function api.table.get(ctx) return api:error(403, { message = "table message" }) end
function api.started.get(ctx) return started end
function api.id.get(ctx) return { id = ctx:request_id(), l = ctx:get("list") } end

return api
