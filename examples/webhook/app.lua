-- Webhooks as https://www.standardwebhooks.com signs them: HMAC-SHA256 over
-- "id.timestamp.body". What is genuine, recent and new goes on to the backend as it came.
local api = rover.server {}

local tolerance = assert(tonumber(rover.config.tolerance), "set tolerance: seconds expected")
local key = rover.base64.decode((rover.config.secret or ""):match("^whsec_(.+)$") or "")
assert(key and key ~= "", "set secret: whsec_ and base64 expected")

-- Ids stay for as long as their timestamp could be accepted: it may lie as far in the
-- future as in the past.
local seen = rover.cache("webhook ids", { max_items = 100000, max_bytes = "32MiB", ttl = 2 * tolerance })

-- A header may hold several signatures, while the sender changes its secret.
local function genuine(signatures, signed)
  local want = rover.crypto.hmac("sha256", key, signed, "base64")
  local found = false
  for signature in signatures:gmatch("v1,(%S+)") do
    found = rover.crypto.equal(signature, want) or found
  end
  return found
end

function api.hooks.w_rest.post(ctx)
  local id, timestamp = ctx:header("Webhook-Id"), ctx:header("Webhook-Timestamp")
  local signatures = ctx:header("Webhook-Signature")
  if not (id and timestamp and signatures) then return api:error(401, "unsigned") end

  -- The bytes as they came. JSON decoded and encoded again would be other bytes.
  local body = ctx:body():text()
  if not genuine(signatures, id .. "." .. timestamp .. "." .. body) then
    return api:error(401, "wrong signature")
  end
  local age = rover.time.now() - (tonumber(timestamp) or error { status = 401, message = "no timestamp" })
  if not (math.abs(age) <= tolerance) then return api:error(401, "too old, or from the future") end

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
