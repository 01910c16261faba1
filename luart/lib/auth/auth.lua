---@meta rover.auth

-- Tokens that somebody has signed (JWT), and who gets through with one.

---@class rover.authlib
rover.auth = {}

---What checks tokens: a secret of at least 32 bytes, a key as PEM, or what `rover.auth.secrets` or `rover.auth.jwks` returns.
---@alias rover.AuthKeys string|rover.KeySet|rover.PublishedKeys

---Who may come to a place and below: `api.admin.auth { jwt = keys, roles = "admin" }`. A request needs a good token, `Authorization: Bearer …`.
---It is asked before any Lua runs, after the limits that need no token. `ctx:get("auth")` has the claims; `{rover.auth.sub}` is one of
---them in the Caddyfile. All rules that cover a request must let it through. See [auth](../auth.md).
---
---```lua
---local key = ("k"):rep(32) -- in truth: rover.config.key, random, or rover.auth.jwks(url)
---api.auth { jwt = key, aud = "shop" }
---api.admin.auth { roles = "admin" } -- of the same token
---function api.cart.get(ctx) return "of " .. ctx:get("auth").sub end
---function api.admin.get() return "in" end
----- GET /cart => 401 {"error":"Unauthorized: missing Authorization bearer token"} | WWW-Authenticate: Bearer
----- GET /admin | Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.GmfJojgb-DfHvMEza3ibb0PZeTcZ83kyxo9A1nh3h-I => 403 {"error":"Forbidden: missing role claim"}
----- GET /cart | Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.GmfJojgb-DfHvMEza3ibb0PZeTcZ83kyxo9A1nh3h-I => 200 of ann
---```
---@class rover.AuthRule
---@field jwt? rover.AuthKeys What checks the token. Without it the rule is about the token that a rule before it has checked, at the same place or further out.
---@field alg? string|string[] The algorithms that are accepted. Default: that of the key
---@field iss? string|string[] Who may have made the token. Default: anybody who has the key
---@field aud? string|string[] Whom the token may be for. Default: only tokens that name nobody
---@field leeway? number Seconds that clocks may differ, 0 to 300. Default: 30
---@field require? string|string[] Claims that must be there. Default: { "exp" }
---@field header? string The header that has the token, behind Bearer. Default: Authorization
---@field claims_key? string Where ctx:get has the claims. Default: auth
---@field roles? string|string[] One of them must be in the claims.
---@field role_key? string The claim with the roles, a text or a list, or the names that lead to it, with dots between them. Default: role
---@field scopes? string|string[] All of them must be in the claims.
---@field scope_key? string The claim with the scopes, a text with spaces between them or a list, or the names that lead to it. Default: scope, or scp where there is none
---@field optional? boolean true: who sends no such header gets through, without claims. A bad token is refused nevertheless. Default: false

---A before hook that lets only requests through that have a good token, `Authorization: Bearer …`. Its claims are in `ctx:get("auth")`.
---See [auth](../auth.md).
---
---The algorithm is that of the key: HS256 for a secret, RS256 for RSA, ES256, ES384 or ES512 for a curve, EdDSA for Ed25519; or the one that
---published keys name. `alg` says which others may be.
---
---The client gets 401, or 400 for two headers, or 503 where published keys are not available. The reason is in the field `auth` of
---the access log.
---
---Errors: keys or options that are none; an algorithm that is not one of the key.
---
---Waits: for published keys that are not there yet, and for signatures that are not by a secret.
---
---```lua
---local key = ("k"):rep(32) -- in truth: rover.config.key, random
---api.before.auth = rover.auth.require(api, key, { aud = "shop" })
---function api.cart.get(ctx) return "of " .. ctx:get("auth").sub end
----- GET /cart => 401 {"error":"Unauthorized: missing Authorization bearer token"} | WWW-Authenticate: Bearer
----- GET /cart | Authorization: Bearer x.y.z => 401 {"error":"Unauthorized: invalid or expired token"} | WWW-Authenticate: Bearer error="invalid_token"
----- GET /cart | Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.GmfJojgb-DfHvMEza3ibb0PZeTcZ83kyxo9A1nh3h-I => 200 of ann
---```
---@param api rover.Api
---@param keys rover.AuthKeys
---@param options? { alg?: string|string[], iss?: string|string[], aud?: string|string[], leeway?: number, require?: string|string[], claims_key?: string, header?: string } iss, aud: one of them must be in the token. Without aud, tokens that name an audience are refused. leeway: seconds that clocks may differ, 0 to 300, default 30. require: claims that must be there, default {"exp"}. claims_key: default auth. header: default Authorization.
---@return fun(ctx: rover.Ctx)
function rover.auth.require(api, keys, options) end

---A before hook behind that of `rover.auth.require`: one of the roles must be in the claims, as a text or in a list. The client gets 401 where
---there are no claims, 403 otherwise.
---
---Errors: no role; an option that is none.
---
---```lua
---local key = ("k"):rep(32)
---api.before.auth = rover.auth.require(api, key)
---api.admin.before.role = rover.auth.allow_roles(api, { "admin", "root" }, { role_key = "realm_access.roles" })
---function api.login.get()
---  return rover.auth.create({ sub = "ann", realm_access = { roles = { "staff" } } }, key, { ttl = 60 })
---end
---function api.admin.get() return "in" end
----- GET /admin => 401 {"error":"Unauthorized: missing Authorization bearer token"}
---```
---@param api rover.Api
---@param roles string|string[]
---@param options? { claims_key?: string, role_key?: string } claims_key: default auth. role_key: the claim, or the names that lead to it, with dots between them; default role.
---@return fun(ctx: rover.Ctx)
function rover.auth.allow_roles(api, roles, options) end

---A before hook behind a rule `auth`, or that of `rover.auth.require`: all of the scopes must be in the claims, a text with spaces between them, or
---a list. The client gets 401 where there are no claims, 403 otherwise.
---
---Errors: no scope; an option that is none.
---
---```lua
---local key = ("k"):rep(32)
---api.auth { jwt = key, aud = "shop" }
---api.orders.before.scope = rover.auth.allow_scopes(api, { "orders.read" })
---function api.orders.get() return "orders" end
----- GET /orders | Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.GmfJojgb-DfHvMEza3ibb0PZeTcZ83kyxo9A1nh3h-I => 403 {"error":"Forbidden: missing scope 'orders.read'"} | WWW-Authenticate: Bearer error="insufficient_scope", scope="orders.read"
---```
---@param api rover.Api
---@param scopes string|string[]
---@param options? { claims_key?: string, scope_key?: string } claims_key: default auth. scope_key: the claim, or the names that lead to it, with dots between them; default scope, or scp where there is none.
---@return fun(ctx: rover.Ctx)
function rover.auth.allow_scopes(api, scopes, options) end

---Makes a token. With a key set the active key signs, and the token names it.
---
---Errors: claims that nobody could read; an algorithm that is not one of the key; a public key; a token of more than 8 KiB.
---
---Waits: for signatures that are not by a secret.
---
---```lua
---local key = ("k"):rep(32)
---local token = rover.auth.create({ sub = "ann" }, key, { ttl = 600 })
---rover.auth.verify(token, key).sub --> "ann"
---```
---@param claims table
---@param keys string|rover.KeySet A secret, a private key as PEM, or a key set.
---@param options? string|{ alg?: string, ttl?: number, kid?: string } Or the algorithm. alg: default that of the key, HS256 for a secret. ttl: seconds that the token is good, adds iat and exp. kid: the name of the key; default that of the active key of a key set.
---@return string
function rover.auth.create(claims, keys, options) end

---Checks a token. The result has the claims and `valid = true`, or `valid = false` and `error`, whatever the token says. It does not
---raise for a bad token.
---
---Errors: keys or options that are none; an algorithm that is not one of the key.
---
---Waits: for published keys that are not there yet, and for signatures that are not by a secret.
---
---```lua
---local key = ("k"):rep(32)
---local token = rover.auth.create({ sub = "ann", aud = "shop", exp = 4102444800 }, key)
---rover.auth.verify(token, key, { aud = "shop" }).sub --> "ann"
---rover.auth.verify(token, key, { aud = "pay" }).error --> "the token is for another audience"
---rover.auth.verify(token, ("x"):rep(32)).error --> "the signature is wrong"
---rover.auth.verify(token, key, { aud = "shop", alg = "HS512" }).error --> "the token's algorithm is not that of the key"
---```
---@param token any
---@param keys rover.AuthKeys
---@param options? string|{ alg?: string|string[], iss?: string|string[], aud?: string|string[], leeway?: number, require?: string|string[] } Or the algorithm. As those of `rover.auth.require`.
---@return table
function rover.auth.verify(token, keys, options) end

---Reads a token that nobody has checked: its claims and its header. Everybody can write such a token. Never let anybody in by it.
---
---```lua
---local token = rover.auth.create({ sub = "ann" }, ("k"):rep(32), { kid = "k1" })
---local claims, header = rover.auth.decode(token)
---claims.sub, header.kid --> "ann", "k1"
---local none, why = rover.auth.decode("x")
---why --> "no token: three parts with dots between them expected"
---```
---@param token any
---@return table|nil claims, table|string header Or nil and why it is no token.
function rover.auth.decode(token) end

---A set of keys with names. The active one signs, all check. The keys of `signing` are for tokens: secrets, or keys as PEM. Those of
---`encryption` seal: sessions with `sealed`, and logins with `key`. The active one seals, and the first 10 open.
---
---Errors: an active key that is not among the keys; a key that is none, or is too short for encryption; more than 100 keys.
---
---```lua
---local keys = rover.auth.secrets { signing = { active = "new", keys = { new = ("n"):rep(32), old = ("o"):rep(32) } } }
---local token = rover.auth.create({ sub = "ann" }, ("o"):rep(32), { ttl = 60, kid = "old" })
---rover.auth.verify(token, keys).sub --> "ann"
---select(2, rover.auth.decode(rover.auth.create({}, keys))).kid --> "new"
---```
---@param keys? { signing?: { active: string, keys: table<string, string> }, encryption?: { active: string, keys: table<string, string> } }
---@return rover.KeySet
function rover.auth.secrets(keys) end

---Adds a key to a set, or takes the place of one, and makes it the active one. It holds for this version of the script on this machine.
---
---Errors: a key that is none; more than 100 keys.
---
---```lua
---local keys = rover.auth.secrets { signing = { active = "a", keys = { a = ("a"):rep(32) } } }
---rover.auth.rotate(keys, "signing", "b", ("b"):rep(32))
---rover.auth.active(keys, "signing").id --> "b"
---```
---@param keys rover.KeySet
---@param kind "signing"|"encryption"
---@param id string
---@param key string
function rover.auth.rotate(keys, kind, id, key) end

---The active key of a set, nil where there is none.
---
---Example: see `rover.auth.rotate`.
---@param keys rover.KeySet
---@param kind "signing"|"encryption"
---@return { id: string, key: string }|nil
function rover.auth.active(keys, kind) end

---The keys that a login service publishes (`allow net`). They are read when the first token comes, and kept for all scripts of the VM,
---across reloads. They are read again after ten minutes, and for a token with a name of a key that is not among them, once a minute at most. While
---the service does not answer the last keys go on.
---
---Errors: no URL; `allow net` is missing.
---
---```lua
---local keys = rover.auth.jwks("https://login.example.com/jwks.json")
---tostring(keys) --> "published keys"
---```
---@param url string
---@return rover.PublishedKeys
function rover.auth.jwks(url) end

---Keys with names: `rover.auth.secrets`.
---@class rover.KeySet
local KeySet = {}

---Keys that somebody publishes: `rover.auth.jwks`.
---@class rover.PublishedKeys
local PublishedKeys = {}
