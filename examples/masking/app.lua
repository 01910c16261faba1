-- Fields of a service's JSON that only administrators may see. What cannot be read cannot
-- be masked, and is not sent.
local api = rover.server {}
local secret = { email = true, phone = true, card_number = true }

local function mask(value)
  if type(value) ~= "table" then return end
  for k, v in pairs(value) do
    if secret[k] then
      value[k] = "***"
    else
      mask(v)
    end
  end
end

local admin_token = rover.config.admin_token
assert(admin_token and admin_token ~= "", "set admin_token")

local function is_admin(ctx) return rover.crypto.equal(ctx:header("X-Token") or "", admin_token) end

function api.users.after.mask(ctx, res)
  res:set_header("Vary", "X-Token")
  if not is_admin(ctx) then res:edit_json(mask) end
end

return api
