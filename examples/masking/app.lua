-- Fields of a service's JSON that only administrators may see. What cannot be read cannot
-- be masked, and is not sent.
local api = rover.server {}
local secret = { email = true, phone = true, card_number = true }

local function mask(value)
  if type(value) ~= "table" then return value end
  for k, v in pairs(value) do
    if secret[k] then
      value[k] = "***"
    else
      mask(v)
    end
  end
  return value
end

local function is_admin(ctx) return rover.crypto.equal(ctx:header("X-Token") or "", rover.config.admin_token) end

function api.users.after.mask(ctx, res)
  if is_admin(ctx) or res.status == 204 or res.status == 304 then return end
  res:set_body(rover.json.encode(mask(res:body():json())))
  res:set_header("Content-Type", "application/json"):set_header("Vary", "X-Token")
end

return api
