---@meta rover.cache

---A cache that all requests share. What was used last stays.
---@param name string
---@param options? { max_items?: integer, max_bytes?: integer|string, ttl?: number } 10,000 items and "16MiB" if not given; ttl in seconds
---@return rover.Cache
function rover.cache(name, options) end

---@class rover.Cache
local Cache = {}

---A copy of the value, nil if there is none.
---@param key string|number
---@return any
function Cache:get(key) end

---@param key string|number
---@param value any Plain data, which is copied; nil removes what is there.
---@param ttl? number Seconds
function Cache:set(key, value, ttl) end

---@param key string|number
function Cache:delete(key) end

---Adds to a number, which is 0 where there is none.
---@param key string|number
---@param by? number Default: 1
---@param ttl? number Seconds, for a new one
---@return number
function Cache:incr(key, by, ttl) end

---The value; where there is none what fn returns, which runs once however many ask.
---@param key string|number
---@param options { ttl?: number, stale?: number, negative?: number } Seconds
---@param fn fun(): any, number? The value, and its ttl
---@return any
---@overload fun(self, key: string|number, fn: fun(): any, number?): any
function Cache:fetch(key, options, fn) end

function Cache:clear() end

---@return { items: integer, bytes: integer, hits: integer, misses: integer, evictions: integer, expired: integer, fetches: integer, stale_served: integer }
function Cache:stats() end
