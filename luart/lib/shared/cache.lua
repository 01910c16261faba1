---@meta rover.cache

-- A cache in memory.

---A cache that all requests and versions of the script share. What was used last stays. An item counts for 240 bytes, its key
---and its value. Values are plain data (booleans, numbers, strings, tables of these), and are copied on the way in and out. A
---later call of the same name changes the options that it names.
---
---Errors: an unknown or a bad option; more than 10,000 caches.
---
---```lua
---local c = rover.cache("sessions", { max_items = 1000, max_bytes = "1MiB", ttl = 60 })
---c:set("a", { user = "ann" })
---c:get("a").user --> "ann"
---c:get("b") --> nil
---c:incr("hits") --> 1
---c:incr("hits", 2) --> 3
---c:delete("a")
---c:get("a") --> nil
---c:stats().items --> 1
---c:clear()
---c:stats().items --> 0
---```
---@param name string
---@param options? { max_items?: integer, max_bytes?: integer|string, ttl?: number } max_items: 10,000 by default; max_bytes: a number or "16MiB", the default; ttl: seconds, for ever by default
---@return rover.Cache
function rover.cache(name, options) end

---A cache, which rover.cache returns.
---@class rover.Cache
local Cache = {}

---A copy of the value; nil if there is none, or its time is over.
---
---Example: see `rover.cache`.
---@param key string|number "1" and 1 are two keys.
---@return any value
function Cache:get(key) end

---Stores a copy of a value.
---
---Errors: a value that is no plain data, or that is larger than the cache.
---
---Example: see `rover.cache`.
---@param key string|number
---@param value any Plain data; nil removes what is there.
---@param ttl? number Seconds. Default: that of the cache
function Cache:set(key, value, ttl) end

---Removes a value.
---
---Example: see `rover.cache`.
---@param key string|number
function Cache:delete(key) end

---Adds to a number, which is 0 where there is none.
---
---Errors: a value that is no number.
---
---Example: see `rover.cache`.
---@param key string|number
---@param by? number Default: 1
---@param ttl? number Seconds, for a new one. Default: that of the cache
---@return number sum
function Cache:incr(key, by, ttl) end

---The value; where there is none what fn returns, which is stored. fn runs once however many ask: the others wait for it. With
---stale, an old value is returned at once while one background task calls fn. nil is not stored, but for negative seconds.
---
---Errors: those of fn, for its own caller alone: the next of those who wait calls its own; a value that is no plain data.
---
---Waits: where there is no value, for fn.
---
---```lua
---local items = rover.cache("items")
---local calls = 0
---local function load() calls = calls + 1 return { id = 7 } end
---items:fetch(7, { ttl = 10, stale = 60, negative = 1 }, load).id --> 7
---items:fetch(7, { ttl = 10, stale = 60, negative = 1 }, load).id --> 7
---calls --> 1
---```
---@param key string|number
---@param options { ttl?: number, stale?: number, negative?: number } Seconds: ttl of what fn returns, 0 stores nothing; stale: how long an old value is good after that; negative: how long nil is kept
---@param fn fun(): any, number? The value, and its ttl
---@return any value
---@overload fun(self, key: string|number, fn: fun(): any, number?): any
function Cache:fetch(key, options, fn) end

---Removes everything.
---
---Example: see `rover.cache`.
function Cache:clear() end

---What the cache holds, and what it did.
---
---Example: see `rover.cache`.
---@return { items: integer, bytes: integer, hits: integer, misses: integer, evictions: integer, expired: integer, fetches: integer, stale_served: integer }
function Cache:stats() end
