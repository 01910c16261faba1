---@meta rover.session

-- What a client is remembered by from one request to the next.

---@class rover.sessionlib
rover.session = {}

---A store of sessions. A session is in the [store](../store.md) of the script: in the VM, or on the server that the directive names; with
---`sealed` it is in its cookie, and the server keeps nothing. Stores of one name share their sessions, across reloads and machines.
---See [sessions](../sessions.md).
---
---`sealed` takes a text of at least 32 bytes as a key, from `openssl rand -base64 32` say, or a list of them: the first one seals, and
---all open. It also takes the keys for encryption of `rover.auth.secrets`: the active one seals, also after `rover.auth.rotate`.
---
---`on_failure` says what is done while the store does not answer: "closed" answers 503, "open" goes on with an empty session
---that is not saved.
---
---`csrf` refuses requests that change something and come from another site, by `Sec-Fetch-Site` and `Origin`, with 403;
---"token" also those without a token of the session. `trusted_origins` may send them all the same.
---
---Errors: an option that is none; a cookie that browsers would drop; a key that is too short.
---
---```lua
---local sessions = rover.session.new { ttl = 1800 }
---function api.login.post(ctx)
---  local s = sessions:start(ctx)
---  s:regenerate()
---  s:set("user", "ann")
---  return "welcome"
---end
---function api.me.get(ctx)
---  return sessions:start(ctx):get("user") or api:error(401, "log in first")
---end
----- POST /login => 200 welcome
----- GET /me => 401 {"error":"log in first"}
---```
---@param options? { name?: string, cookie_name?: string, ttl?: number, max_age?: number, secure?: boolean, http_only?: boolean, same_site?: "lax"|"strict"|"none", domain?: string, path?: string, sealed?: string|string[]|rover.KeySet, csrf?: boolean|"token", trusted_origins?: string|string[], on_failure?: "closed"|"open", compat?: boolean } name: default the cookie's. cookie_name: default __Host-rover_session, or rover_session where it is not secure, or has a path or a domain. ttl: seconds without a request, default 3600. max_age: seconds from its begin, default a week. secure, http_only: default true. same_site: default "lax". path: default /. csrf: default true. compat: get returns objects with as_string, as_integer and as_bool.
---@return rover.SessionStore
function rover.session.new(options) end

---A before hook that starts the session and has it in `ctx:get("session")`.
---
---```lua
---local sessions = rover.session.new()
---api.before.session = rover.session.middleware(sessions)
---function api.get(ctx) return { new = ctx:get("session"):is_empty() } end
----- GET / => 200 {"new":true}
---```
---@param store rover.SessionStore
---@return fun(ctx: rover.Ctx)
function rover.session.middleware(store) end

---A store of sessions.
---@class rover.SessionStore
local SessionStore = {}

---The session of a request: the same object each time. Before the response is sent it is saved, if something has changed, and its
---cookie goes with the response, whoever makes that. A client that has no session gets one when something is set.
---
---Errors: a 403 for what comes from another site, a 503 where the store does not answer; a ctx without a response.
---
---Waits: for the store, where it is on a server and the client has a cookie.
---
---Example: see `rover.session.new`.
---@param ctx rover.Ctx
---@return rover.Session
function SessionStore:start(ctx) end

---A session that belongs to no request: `save` stores it.
---
---```lua
---local sessions = rover.session.new()
---local s = sessions:create()
---s:set("user", "ann")
---s:save() --> true
---sessions:get(s:id()):get("user") --> "ann"
---sessions:exists(s:id()) --> true
---sessions:get_or_create("unknown"):id() ~= "unknown" --> true
---sessions:delete(s:id()) --> true
---sessions:get(s:id()) --> nil
---sessions:cookie_name() --> "__Host-rover_session"
---```
---@return rover.Session
function SessionStore:create() end

---The session of an id.
---
---Errors: sealed sessions have none.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@param id string
---@return rover.Session? session nil where there is none, or it is over
---@return string? message The store does not answer.
function SessionStore:get(id) end

---The session of an id, or a new one, with another id.
---
---Errors: sealed sessions have none.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@param id? string
---@return rover.Session? session
---@return string? message The store does not answer.
function SessionStore:get_or_create(id) end

---Whether there is a session.
---
---Errors: sealed sessions have no ids.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@param id string
---@return boolean? exists
---@return string? message
function SessionStore:exists(id) end

---Ends a session.
---
---Errors: sealed sessions have no ids.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@param id string
---@return boolean? done false where there was none
---@return string? message
function SessionStore:delete(id) end

---The name of the cookie.
---
---Example: see `sessionstore:create`.
---@return string
function SessionStore:cookie_name() end

---A session. What it is told after the response has begun raises.
---@class rover.Session
local Session = {}

---A value. A table is a copy: set it again to change it.
---
---```lua
---local s = rover.session.new():start(ctx)
---s:set("cart", { "apple" })
---s:get("cart")[1] --> "apple"
---s:has("cart"), s:len(), s:is_empty() --> true, 1, false
---s:remove("cart")[1] --> "apple"
---s:get("cart") --> nil
---```
---@param name string
---@return any value nil where there is none
function Session:get(name) end

---Sets a value.
---
---Errors: nil, what is no plain data; a session that would be larger than 16 KiB, or sealed than its cookie (some 2,900 bytes); a name
---of more than 128 bytes.
---
---Example: see `session:get`.
---@param name string
---@param value any Plain data, as in `rover.state`
function Session:set(name, value) end

---Removes a value.
---
---Example: see `session:get`.
---@param name string
---@return any old
function Session:remove(name) end

---Whether there is a value.
---
---Example: see `session:get`.
---@param name string
---@return boolean
function Session:has(name) end

---How many values there are.
---
---Example: see `session:get`.
---@return integer
function Session:len() end

---Whether there are none.
---
---Example: see `session:get`.
---@return boolean
function Session:is_empty() end

---The id, 32 random bytes as base64url. A client that had no session gets one.
---
---Example: see `session:regenerate`.
---@return string
function Session:id() end

---Gives the session another id, and keeps its values: after a login, so that nobody has the session who had the id before. The old
---id is dead when it returns.
---
---Errors: a 503 where the store does not answer.
---
---Waits: for the store.
---
---```lua
---local s = rover.session.new():start(ctx)
---local old = s:id()
---s:set("user", "ann")
---s:regenerate() ~= old --> true
---s:get("user") --> "ann"
---```
---@return string id
function Session:regenerate() end

---Ends the session, for all who have its cookie, and has the cookie deleted. What is set afterwards begins another one. The
---cookie of a sealed session is deleted only: who has a copy has it until it expires.
---
---Errors: a 503 where the store does not answer: the session is not ended then.
---
---Waits: for the store.
---
---```lua
---local s = rover.session.new():start(ctx)
---s:set("user", "ann")
---s:destroy()
---s:get("user"), s:state() --> nil, "destroyed"
---```
function Session:destroy() end

---The same as destroy, but state says "invalidated".
---
---Errors: as destroy.
---
---Waits: for the store.
---
---Example: see `session:destroy`.
function Session:invalidate() end

---Saves now what is saved before the response anyway: for sessions of no request, and to see whether it can be.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@return boolean? done
---@return string? message The store does not answer.
function Session:save() end

---The same as save: the session counts as used.
---
---Waits: for the store.
---
---Example: see `sessionstore:create`.
---@return boolean? done
---@return string? message
function Session:refresh() end

---The text of its Set-Cookie, for a session of no request.
---
---```lua
---local sessions = rover.session.new { cookie_name = "sid" }
---local s = sessions:create()
---s:cookie() == "sid=" .. s:id() .. "; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax" --> true
---```
---@return string
function Session:cookie() end

---A token for forms of this session. Each call returns another one, and all are good as long as the session has its id.
---
---```lua
---local sessions = rover.session.new { csrf = false }
---function api.form.get(ctx)
---  return api.html { token = sessions:start(ctx):csrf() } [[<form method="post"><input type="hidden" name="csrf_token" value="{{token}}"></form>]]
---end
---function api.form.post(ctx)
---  local ok, why = sessions:start(ctx):check_csrf(ctx)
---  if not ok then return api:error(403, why) end
---  return "done"
---end
----- POST /form => 403 {"error":"the CSRF token is missing"}
---```
---@return string
function Session:csrf() end

---Whether a request has a token of this session: in the header X-CSRF-Token, or in the field csrf_token of a form.
---
---Errors: a form that cannot be read.
---
---Waits: for the body.
---
---Example: see `session:csrf`.
---@param ctx rover.Ctx
---@return boolean
---@return string? why
function Session:check_csrf(ctx) end

---"active"; "expired"; "destroyed" and "invalidated", also where another request has ended it meanwhile; "unsaved" where the store does
---not answer and `on_failure` is "open".
---
---Example: see `session:destroy`.
---@return "active"|"expired"|"destroyed"|"invalidated"|"unsaved"
function Session:state() end

---Whether its time is over.
---
---```lua
---local s = rover.session.new { ttl = 60 }:start(ctx)
---s:is_expired(), s:is_valid() --> false, true
---s:created_at() <= s:last_accessed() --> true
---```
---@return boolean
function Session:is_expired() end

---Whether it is active.
---
---Example: see `session:is_expired`.
---@return boolean
function Session:is_valid() end

---When it began, in seconds since 1970.
---
---Example: see `session:is_expired`.
---@return integer
function Session:created_at() end

---When it was used last before this request, in seconds since 1970: within a tenth of ttl.
---
---Example: see `session:is_expired`.
---@return integer
function Session:last_accessed() end

---What get returns with compat = true.
---@class rover.SessionValue
local SessionValue = {}

---A string, or nil.
---
---```lua
---local s = rover.session.new { compat = true }:start(ctx)
---s:set("n", 7)
---s:get("n"):as_integer() --> 7
---s:get("n"):as_string(), s:get("n"):as_bool() --> nil, nil
---```
---@return string?
function SessionValue:as_string() end

---An integer, or nil.
---
---Example: see `sessionvalue:as_string`.
---@return integer?
function SessionValue:as_integer() end

---A boolean, or nil.
---
---Example: see `sessionvalue:as_string`.
---@return boolean?
function SessionValue:as_bool() end
