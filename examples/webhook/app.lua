-- Webhooks as https://www.standardwebhooks.com signs them. What is genuine, recent and new goes
-- on to the backend as it came.
local api = rover.server {}

local secret, tolerance = rover.config.secret, tonumber(rover.config.tolerance)
assert(secret and secret ~= "", "set secret: what the sender has shown, whsec_ and base64, expected")
assert(tolerance, "set tolerance: seconds expected")

-- Ids stay for as long as their timestamp could be accepted: it may lie as far in the
-- future as in the past.
local seen = rover.cache("webhook ids", { max_items = 100000, max_bytes = "32MiB", ttl = 2 * tolerance })

function api.hooks.w_rest.post(ctx)
  local genuine, id = rover.webhook.verify("standard", ctx, secret, { tolerance = tolerance })
  if not genuine then return api:error(401, id) end

  -- Last, so that nobody can use up the ids of others. Check and note are one step.
  if seen:incr(id) > 1 then return api:error(409, "seen before") end
  ctx:set("id", id)
  return api.proxy(rover.config.backend)
end

-- What the backend did not take will be sent again, and is not a replay then.
function api.hooks.after.forget(ctx, res)
  local id, taken = ctx:get("id"), res.status >= 200 and res.status <= 299
  if id and not taken then seen:delete(id) end
end

return api
