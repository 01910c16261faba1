
---A login at an OpenID Connect provider (`allow net`): Keycloak, Google, Entra ID and others. See [login](../login.md).
---
---`login:protect(api)` has everybody log in, and the upstream learns who it is by `headers`. A browser is sent to the provider, and comes
---back to the page that it wanted. What is no page gets 401.
---
---`key` seals what browsers keep of a login that is under way. All machines need the same one. Without it `client_secret` does that, if it
---has 32 bytes or more.
---
---`allow` has rules, and each that is there must hold. An address counts for `emails` and `domains` only if the provider has verified it.
---An `allow` without a rule is an error: it would let everybody in.
---
---Errors: an option that is none; an issuer or a redirect_uri that is not https://; a name, or a redirect_uri, that another login has; more
---than 20 providers or 100 logins; `allow net` is missing.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com/realms/shop", client_id = "shop", client_secret = ("s"):rep(32), -- in truth: rover.config.secret
---  redirect_uri = "https://shop.example.com/oauth2/callback",
---  headers = { ["X-User"] = "sub", ["X-Groups"] = "groups" },
---}
---login:protect(api)
---function api.logout.post(ctx) return login:logout(ctx) end
----- GET /cart => 401 {"error":"Unauthorized: log in first"} | WWW-Authenticate: OpenIDConnect
----- POST /logout => 401 {"error":"Unauthorized: log in first"}
---```
---@param options { issuer: string, client_id: string, redirect_uri: string|string[], client_secret?: string, name?: string, scopes?: string|string[], key?: string|string[]|rover.KeySet, session?: rover.SessionStore, headers?: table<string, string>, allow?: { groups?: string|string[], groups_claim?: string, emails?: string|string[], domains?: string|string[], hd?: string|string[], subjects?: string|string[] }, optional?: boolean, userinfo?: boolean, access_token?: boolean, auth_params?: table<string, string>, alg?: string|string[], leeway?: number, post_logout_redirect_uri?: string, claims_key?: string } redirect_uri: where the provider sends browsers back to; one for each host. name: default login. scopes: default openid, which is always among them. session: default a store of its own. headers: claims by the names of headers. optional: everybody gets through, default false. userinfo: also asks for more claims, default false. access_token: keeps it, default false. auth_params: more parameters for the provider. alg: default all of public keys. leeway: seconds that clocks may differ, 0 to 300, default 30. claims_key: where ctx:get has the claims, default auth.
---@return rover.Login
function rover.auth.oidc(options) end

---A login at a provider: `rover.auth.oidc`.
---@class rover.Login
local Login = {}

---A before hook that lets only users through who have logged in and are allowed.
---
---The client gets a redirect to the provider for a page, 401 for anything else, 403 for a user who is not allowed, and 503 while the
---provider or the store does not answer. The reason is in the field `auth` of the access log.
---
---Waits: for the store, and for the provider, where a login begins or ends, or its tokens have ended.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---}
---api.before.login = login:require()
----- GET /cart | Accept: application/json => 401 {"error":"Unauthorized: log in first"}
---```
---@return fun(ctx: rover.Ctx)
function Login:require() end

---Puts the hook of `login:require` before `api`, or before a place below it, under the name of the login. redirect_uri must lead to a path
---there, or to a handler that calls `login:callback`.
---
---Errors: no place.
---
---Example: see `rover.auth.oidc`.
---@param node rover.Api|rover.Node
function Login:protect(node) end

---The claims of the user who sends the request, nil where nobody has logged in, or who has is not allowed.
---
---Errors: a ctx without a response; what `sessions:start` raises; a 503 while nobody can say.
---
---Waits: as `login:require`.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---  optional = true,
---}
---login:protect(api)
---function api.hello.get(ctx)
---  local user = login:user(ctx)
---  return "hello " .. (user and user.sub or "stranger")
---end
----- GET /hello => 200 hello stranger
---```
---@param ctx rover.Ctx
---@return table|nil
function Login:user(ctx) end

---The access token of the user, for calls of other services; nil where nobody has logged in.
---
---Errors: as `login:user`; the login has no `access_token = true`.
---
---Waits: as `login:require`.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---  optional = true, access_token = true,
---}
---login:protect(api)
---function api.before.token(ctx)
---  local token = login:access_token(ctx)
---  if token then ctx:set_header("Authorization", "Bearer " .. token) else ctx:remove_header("Authorization") end
---end
---function api.get(ctx) return tostring(ctx:header("Authorization")) end
----- GET / | Authorization: Bearer mine => 200 nil
---```
---@param ctx rover.Ctx
---@return string|nil
function Login:access_token(ctx) end

---What a handler or a hook returns to have a browser log in: a text, a status and headers.
---
---Errors: a 503 while the provider does not answer.
---
---Waits: for the provider, where nobody has asked it yet.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---  optional = true,
---}
---login:protect(api)
---function api.login.get(ctx) return login:start(ctx, "/account") end
----- GET /login | Host: other.example.com => 302  | Location: https://shop.example.com/account
---```
---@param ctx rover.Ctx
---@param path? string Where the browser comes back to, default the path of the request. What is no path of the site is /.
---@return string body, integer status, table headers
function Login:start(ctx, path) end

---Ends a login: what a handler of the path of redirect_uri returns, where no hook of the login covers it.
---
---Errors: a 400 for what is not the end of a login of this browser; a 403 where the provider, or `allow`, refuses; a 503 while the provider
---or the store does not answer.
---
---Waits: for the provider and the store.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---}
---login:protect(api.admin)
---function api.back.get(ctx) return login:callback(ctx) end
----- GET /admin => 401 {"error":"Unauthorized: log in first"}
----- GET /back => 400 {"error":"this login has expired, or was begun in another browser: open the page again"}
---```
---@param ctx rover.Ctx
---@return string body, integer status, table headers
function Login:callback(ctx) end

---Ends the session of the user, for all who have its cookie. Returns what a handler returns to send the browser to the provider's logout,
---or, where there is none, to a path of the site.
---
---Errors: an option that is none; a 403 for what comes from another site; a 503 while the store does not answer.
---
---Waits: for the store.
---
---```lua
---local login = rover.auth.oidc {
---  issuer = "https://login.example.com", client_id = "shop", client_secret = ("s"):rep(32), redirect_uri = "https://shop.example.com/back",
---}
---function api.logout.post(ctx) return login:logout(ctx, { to = "/bye" }) end
----- POST /logout => 303  | Location: https://shop.example.com/bye
---```
---@param ctx rover.Ctx
---@param options? { provider?: boolean, to?: string } provider: also the provider's logout, default true. to: a path of the site, default /.
---@return string body, integer status, table headers
function Login:logout(ctx, options) end
