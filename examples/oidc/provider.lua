-- A provider to try the example with. It asks for no password: never let anybody in by it.
local api = rover.server {}
local issuer, site = rover.config.issuer, rover.config.site
local codes = rover.store("codes", { ttl = 60 })

local users = { ann = { name = "Ann", groups = { "staff", "admin" } }, bob = { name = "Bob", groups = { "staff" } } }

-- Everybody knows this key. A provider keeps its own to itself.
local key = [[
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+l/AcfazrEnPMUwz
qz58dlw8sFeTDWPP9TblR+b1RHChRANCAARQDpMEp4/cVqhgUUglm8Sw8PeC/kU6
I8/WFgdelthWHOErL+EV5OjxfdTMQGPuY9D/Wof1TXR+kSS5ZjCvRXUV
-----END PRIVATE KEY-----
]]
local jwk = {
  kty = "EC", crv = "P-256", kid = "example", alg = "ES256", use = "sig",
  x = "UA6TBKeP3FaoYFFIJZvEsPD3gv5FOiPP1hYHXpbYVhw", y = "4Ssv4RXk6PF91MxAY-5j0P9ah_VNdH6RJLlmMK9FdRU",
}

api[".well-known"]["openid-configuration"].get = function()
  return {
    issuer = issuer, authorization_endpoint = issuer .. "/authorize", token_endpoint = issuer .. "/token", jwks_uri = issuer .. "/jwks",
    end_session_endpoint = issuer .. "/logout", code_challenge_methods_supported = { "S256" },
  }
end

function api.jwks.get() return { keys = { jwk } } end

function api.authorize.get(ctx)
  local q = ctx:query()
  if q.redirect_uri ~= site .. "/oauth2/callback" or q.client_id ~= "shop" then return api:error(400, "no such client") end
  if not users[q.user] then
    return api.html { q = q, users = users } [[
<form action="/authorize">
{{ for name, value in pairs(q) do }}<input type="hidden" name="{{ name }}" value="{{ value }}">{{ end }}
<p>Who are you? {{ for user in pairs(users) do }}<button name="user" value="{{ user }}">{{ user }}</button> {{ end }}</p>
</form>]]
  end
  local code = rover.crypto.random(32, "base64url")
  codes:set(code, { user = q.user, nonce = q.nonce, challenge = q.code_challenge })
  return api.redirect(q.redirect_uri .. "?" .. rover.url.query_encode { code = code, state = q.state })
end

function api.token.post(ctx)
  local form = ctx:body():form()
  local known = codes:get(form.code or "")
  if ctx:header("Authorization") ~= "Basic " .. rover.base64.encode("shop:" .. rover.config.client_secret)
    or not known or not codes:delete(form.code)
    or rover.crypto.sha256(form.code_verifier or "", "base64url") ~= known.challenge then
    return { error = "invalid_grant" }, 400
  end
  local claims = { iss = issuer, aud = "shop", sub = known.user, nonce = known.nonce }
  for name, value in pairs(users[known.user]) do claims[name] = value end
  return {
    access_token = rover.crypto.random(32, "base64url"), token_type = "Bearer", expires_in = 3600,
    id_token = rover.auth.create(claims, key, { kid = "example", ttl = 300 }),
  }
end

function api.logout.get() return api.redirect(site .. "/") end

return api
