-- GET /admin => 401 {"error":"no"}
-- GET /admin/x/y => 401 {"error":"no"}
-- GET //admin => 401 {"error":"no"}
-- GET /x/../admin => 401 {"error":"no"}
-- GET /admin%2Fpanel => 401 {"error":"no"}
-- GET /%61dmin => 401 {"error":"no"}
-- GET /admin%5Cpanel => 401 {"error":"no"}
-- GET /administrator => 200 GET /administrator 
-- GET /admin | X-Token: s => 200 root;first;second;admin page
-- GET /admin/x | X-Token: s => 200 GET /admin/x 
-- GET /users/me => 200 me
-- GET /users/7 => 200 user of 7
-- GET /users/7/unrouted => 200 GET /users/7/unrouted 
-- GET /answered => 200 from before
local api = rover.server {}
function api.before.root(ctx) ctx:set("trace", "root") end
function api.before.answered(ctx) if ctx.path == "/answered" then return "from before" end end
function api.admin.before.first(ctx)
  if ctx:header("x-token") ~= "s" then return api:error(401, "no") end
  ctx:set("trace", ctx:get("trace") .. ";first")
end
function api.admin.before.second(ctx) ctx:set("trace", ctx:get("trace") .. ";second") end
function api.admin.get(ctx) return ctx:get("trace") .. ";admin page" end
function api.users.p_id.before.load(ctx) ctx:set("user", "user of " .. ctx:param("id")) end
function api.users.p_id.get(ctx) return ctx:get("user") end
function api.users.me.get(ctx) return ctx:get("user") or "me" end
return api
