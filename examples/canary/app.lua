-- A new version of a service gets some of the users, and copies of what the others ask.
local api = rover.server {}
local stable, canary = rover.config.stable, rover.config.canary
local percent = tonumber(rover.config.percent)

-- The cookie canary decides, else the user: always the same way for one user.
local function chosen(ctx)
  local wish = ctx:cookie("canary")
  if wish == "yes" or wish == "no" then return wish == "yes" end
  local user = ctx:cookie("user")
  if not user then return false end
  return tonumber(rover.crypto.sha256(user):sub(1, 6), 16) % 100 < percent
end

-- The canary first; the stable version for who would see it fail.
local function pick(ctx, attempt, last)
  if attempt == 1 then return canary end
  ctx:log("the canary failed", last)
  return stable
end

function api.app.w_rest.any(ctx)
  if chosen(ctx) then return api.proxy(nil, { pick = pick, tries = 2, timeout = 2 }) end
  if ctx.method == "GET" then -- what changes something must not happen twice
    ctx:mirror(canary, { timeout = 2, headers = { ["X-Copy"] = "1" } })
  end
  return api.proxy(stable)
end

-- How many copies the canary has got.
function api.copies.get() return api.proxy(canary) end

return api
