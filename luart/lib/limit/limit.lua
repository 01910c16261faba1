---@meta rover.rate_limit

-- How often something may happen.

---A limit: so often in so many seconds for each key, and `burst` at once after a pause. It survives reloads, and counts for all machines
---that share a [store](../store.md). For requests of a route [`limit{…}`](../rate-limits.md) is shorter, and asks no Lua.
---
---Errors: a rate that is not more than 0, a burst below 1, a name longer than 128 bytes; more than 1,000 limits.
---
---```lua
---local mails = rover.rate_limit("mails", { rate = 2, per = 3600 })
---function api.mail.post(ctx)
---  local ok, left = mails:allow(ctx:header("X-User") or ctx.client_ip)
---  if not ok then return api:error(429, "try again in " .. math.ceil(left.retry_after) .. " s") end
---  return "sent"
---end
----- POST /mail => 200 sent
----- POST /mail => 200 sent
----- POST /mail => 429 {"error":"try again in 1800 s"}
---```
---@param name string What it counts under: two scripts of a VM that name the same share it.
---@param options { rate: number, per?: number, burst?: integer, shared?: boolean, on_failure?: "local"|"closed"|"open" } per: seconds, default 1. burst: default rate. shared = false: each machine counts for itself. on_failure: while the store does not answer each machine counts for itself (the default), nothing is allowed, or everything is.
---@return rover.RateLimit
function rover.rate_limit(name, options) end

---A limit.
---@class rover.RateLimit
local RateLimit = {}

---Asks whether something may happen, and counts it if so.
---
---Errors: a cost that is not from 1 to 1e9.
---
---Waits: for the store, where it is on a server and nothing is left of what this machine has taken in advance.
---
---```lua
---local l = rover.rate_limit("calls", { rate = 10, per = 60 })
---(l:allow("ann", 8)) --> true
---local ok, left = l:allow("ann", 8)
---ok --> false
---left.remaining --> 2
---left.retry_after <= 36 --> true
---(l:allow("bob")) --> true
---```
---@param key string Of any length
---@param cost? integer Default: 1. More than burst is never allowed.
---@return boolean allowed
---@return { remaining: integer, reset: number, retry_after: number?, error: string? } left Seconds until all is there again, and until the cost is; error: the store has not answered
function RateLimit:allow(key, cost) end
