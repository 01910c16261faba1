local api = rover.server {}
local crypto, secret = rover.crypto, ("s"):rep(32)
local sender = "githb" --> unknown-value
api.paid.limit { rate = 5, per = 60, on_failure = "opne" } --> unknown-value
function api.post(ctx)
  local ok = rover.webhook.verify("strype", ctx, secret) --> unknown-value
  ok = ok and rover.webhook.verify("stripe", ctx, secret)
  ok = ok and rover.webhook.verify(ctx:header("X-Sender"), ctx, secret)
  local digest = crypto.hmac('sha265', secret, ctx:body():text()) --> unknown-value
  local token = rover.auth.create({}, secret, "HS265") --> unknown-value
  local claims = rover.auth.verify(token, secret, { alg = { "HS256", "RS265" } }) --> unknown-value
  claims = claims or rover.auth.verify(token, secret, "HS256")
  local hash = rover.password.hash(digest, { algorithm = "argon2" }) --> unknown-value
  rover.store("s"):set("k", hash, { only = "first" }) --> unknown-value
  return api.text(tostring(ok)):set_cookie { name = "a", value = "b", same_site = "Lax" }
end
function api.other.post(ctx)
  return rover.webhook.verify(sender, ctx, secret) and "ok" or api:error(401, "no")
end
return api
