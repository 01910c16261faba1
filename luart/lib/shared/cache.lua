---@meta rover.cache

-- A cache in memory.

---A cache that all requests and versions of the script share. What was used last stays. An item counts for 240 bytes, its key
---and its value. Values are plain data (booleans, numbers, strings, tables of these), and are copied on the way in and out. A
---later call of the same name changes the options that it names.
---
---With `shared`, it is one cache of all machines that have one store: each has the values that it uses for at most local_ttl
---seconds, and hears of those that others change. Then its methods wait for the store where they must, and return nil and a message
---where that is away; only fetch goes on.
---
---Errors: an unknown or a bad option; local_ttl without shared; a shared name of more than 256 bytes; more than 10,000 caches.
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
---local all = rover.cache("sessions", { shared = true, ttl = 60, local_ttl = 5 })
---all:set("a", { user = "bob" }) --> true
---all:get("a").user --> "bob"
---all:incr("hits") --> 1
---all:delete("a") --> true
---all:clear() --> true
---```
---@param name string
---@param options? { max_items?: integer, max_bytes?: integer|string, ttl?: number, shared?: boolean, local_ttl?: number } max_items: 10,000 by default; max_bytes: a number or "16MiB", the default; ttl: seconds, for ever by default, and 86,400 of a shared one; shared: with all machines, false by default; local_ttl: seconds, default 10, 0: each get asks the store
---@return rover.Cache
function rover.cache(name, options) end

---A cache, which rover.cache returns.
---@class rover.Cache
local Cache = {}

---A copy of the value; nil if there is none, or its time is over.
---
---Errors: of a shared one: a key of more than 512 bytes.
---
---Waits: of a shared one: for the store, where the value is not here.
---
---Example: see `rover.cache`.
---@param key string|number "1" and 1 are two keys.
---@return any value
---@return string? message Of a shared one: the store is away.
function Cache:get(key) end

---Stores a copy of a value.
---
---Errors: a value that is no plain data, or that is larger than the cache; of a shared one: more than 1 MiB.
---
---Waits: of a shared one: for the store.
---
---Example: see `rover.cache`.
---@param key string|number
---@param value any Plain data; nil removes what is there.
---@param ttl? number Seconds. Default: that of the cache
---@return true? done Of a shared one; nil: the store is away.
---@return string? message
function Cache:set(key, value, ttl) end

---Removes a value.
---
---Waits: of a shared one: for the store.
---
---Example: see `rover.cache`.
---@param key string|number
---@return true? done Of a shared one; nil: the store is away.
---@return string? message
function Cache:delete(key) end

---Adds to a number, which is 0 where there is none. Of a shared cache it is an integer, which no machine counts twice.
---
---Errors: a value that is no number; of a shared one: what is no integer.
---
---Waits: of a shared one: for the store.
---
---Example: see `rover.cache`.
---@param key string|number
---@param by? number Default: 1
---@param ttl? number Seconds, for a new one. Default: that of the cache
---@return number? sum Of a shared one nil: the store is away.
---@return string? message
function Cache:incr(key, by, ttl) end

---The value; where there is none what fn returns, which is stored. fn runs once however many ask: the others wait for it. With
---stale, an old value is returned at once while one background task calls fn. nil is not stored, but for negative seconds.
---
---Of a shared cache one fn runs on all machines. Where the store is away each machine calls its own, and keeps what it returns for
---local_ttl.
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
---Waits: of a shared one: for the store.
---
---Example: see `rover.cache`.
---@return true? done Of a shared one; nil: the store is away.
---@return string? message
function Cache:clear() end

---What the cache holds, and what it did.
---
---Example: see `rover.cache`.
---@return { items: integer, bytes: integer, hits: integer, misses: integer, evictions: integer, expired: integer, fetches: integer, stale_served: integer, store_hits?: integer, store_errors?: integer, invalidated?: integer }
function Cache:stats() end
