-- A gateway in front of one service: who has the key may use it. The Caddyfile says where the
-- service is, and what to run.
local api = rover.server {}

-- The key comes from the Caddyfile. Without one the script does not load, rather than let
-- everybody in.
local key = rover.config.api_key
if not key or key == "" then
  error("api_key is not set: say set api_key in the Caddyfile, or --set api_key=… to caddy rover run")
end

-- What everybody may ask for.
local public = { ["GET /health"] = true, ["HEAD /health"] = true }

-- Runs before everything, also before what this script does not route and Caddy passes on. What
-- it returns is the answer; when it returns nothing the request goes on.
function api.before.guard(ctx)
  if public[ctx.method .. " " .. ctx.path] then return end
  if not rover.crypto.equal(ctx:header("X-Api-Key") or "", key) then
    return api:error(401, "a valid X-Api-Key is needed")
  end
  ctx:remove_header("X-Api-Key") -- the service has no use for it
end

-- A route that Lua answers itself. All others go to the service.
function api.health.get() return { status = "ok" } end

return api
