local api = rover.server {}
local function token(ctx) return ctx:heder("X-Token") end --> unknown-field
local function user(ctx, default)
  if not token(ctx) then return default end
  return ctx.params.user --> method-as-field
end
function api.users.p_user.get(ctx) return user(ctx, "nobody") end
function api.before.auth(ctx)
  if not token(ctx) then return api:error(401, "who are you?") end
end
return api
