-- A gateway: who may in, which service gets the request, one header on the way back.
local api = rover.server {}
local basic, pro = rover.config.basic, rover.config.pro

-- The tokens come from the Caddyfile. Without one the script does not load, rather than
-- let anybody in.
local users = {
  { name = "ann", token = rover.config.ann_token, tier = "pro" },
  { name = "bob", token = rover.config.bob_token, tier = "basic" },
}
for _, user in ipairs(users) do
  assert(user.token and user.token ~= "", "set " .. user.name .. "_token is missing")
end

-- Covers everything below /api, also what this script does not route. Tokens are
-- secrets, so they are compared in constant time.
function api.api.before.auth(ctx)
  local token = ctx:header("X-Token") or ""
  for _, user in ipairs(users) do
    if rover.crypto.equal(token, user.token) then
      ctx:set("user", user)
      return
    end
  end
  return api:error(401, "a valid X-Token is needed")
end

-- Users of the pro tier are served by the pro service; if that cannot be reached, by
-- the basic one.
function api.api.w_rest.any(ctx)
  local user = ctx:get("user")
  ctx:set_header("X-User", user.name)
  if user.tier == "pro" then return api.proxy { pro, basic } end
  return api.proxy(basic)
end

-- A service that is down: the site's error page answers.
function api.down.get() return api.proxy("127.0.0.1:1") end

function api.after.brand(ctx, res)
  res:set_header("X-Served-By", "rover")
end

return api
