-- GET /admin | X-Banned: 1 => 403 {"error":"no"}
-- GET /admin => 403 {"error":"no"}
-- GET /admin | X-Trusted: no => 403 {"error":"no"}
-- GET /admin | X-Banned: 1 | X-Trusted: yes => 403 {"error":"no"}
-- GET /admin | X-Trusted: yes => 200 secret
local api = rover.server {}
-- What a local that exists already gets from "not a and b" is the value of the whole expression.
function api.admin.before.guard(ctx)
  local ok = true
  local banned, trusted = ctx:header("x-banned"), ctx:header("x-trusted")
  ok = not banned and trusted == "yes"
  if not ok then return api:error(403, "no") end
end
function api.admin.get() return "secret" end
return api
