---@meta rover.store

-- Values between requests, and between machines.

---A store: values by key that outlive requests and reloads. They are in the VM; where the directive names a `store`, in that
---server, for all machines that use it. What is in the VM is lost when Caddy ends.
---
---A function whose server does not answer returns nil and a message that begins with "store: ".
---
---Errors: a name that is empty or longer than 128 bytes.
---
---```lua
---local visits = rover.store("visits", { ttl = 3600 })
---function api.p_user.get(ctx)
---  return { n = visits:incr(ctx:param("user")) }
---end
----- GET /ann => 200 {"n":1}
----- GET /ann => 200 {"n":2}
----- GET /bob => 200 {"n":1}
---```
---@param name string Keys of different names are apart.
---@param options? { ttl?: number, forever?: boolean } How long values live where a call says nothing: seconds, default a day; or forever.
---@return rover.Store
function rover.store(name, options) end

---A store. Keys are strings of 1 to 512 bytes; values are plain data as in `rover.state`, of at most 1 MiB.
---@class rover.Store
local Store = {}

---The value of a key, and its version.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("settings")
---s:set("theme", { dark = true })
---s:get("theme").dark --> true
---s:get("nothing") --> nil
---```
---@param key string
---@return any value nil where there is none
---@return number|string|nil version Each change gives another one; or the message
function Store:get(key) end

---Sets a value.
---
---Errors: nil, and what is no plain data; more than 1 MiB.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("sessions")
---s:set("ann", "a", { only = "new" }) --> true
---s:set("ann", "b", { only = "new" }) --> false
---s:set("ann", "c", { ttl = 60 })
---(s:get("ann")) --> "c"
---```
---@param key string
---@param value any Plain data
---@param options? { ttl?: number, forever?: boolean, only?: "new"|"old" } ttl: seconds. only: where there is no value, or one.
---@return boolean? done false where only forbids it
---@return string? message
function Store:set(key, value, options) end

---Sets a value if its version is still this one: nobody has changed it since it was read.
---
---Errors: as set; a version that is no integer.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("stock")
---s:set("apples", 3)
---local n, version = s:get("apples")
---(s:cas("apples", version, n - 1)) --> true
---s:cas("apples", version, n - 1) --> false
---(s:cas("pears", 0, 7)) --> true
---(s:get("apples")) --> 2
---```
---@param key string
---@param version number 0: there is no value
---@param value any Plain data
---@param options? { ttl?: number, forever?: boolean } Default: the time that it has
---@return boolean? done
---@return number|string|nil version Or the message
function Store:cas(key, version, value, options) end

---Removes a value.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("old")
---s:set("k", 1)
---s:delete("k") --> true
---s:delete("k") --> false
---```
---@param key string
---@return boolean? done false where there was none
---@return string? message
function Store:delete(key) end

---Adds to an integer, and returns the sum. No two callers get the same one.
---
---A value that is no integer, and a sum beyond 2^53 - 1, return nil and a message.
---
---Errors: by or init that is no integer.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("counts")
---s:incr("n") --> 1
---s:incr("n", 10) --> 11
---s:incr("n", -1) --> 10
---s:incr("m", 1, { init = 100, ttl = 60 }) --> 101
---```
---@param key string
---@param by? integer Default: 1
---@param options? { init?: integer, ttl?: number, forever?: boolean } For a key without a value: what it begins with, default 0, and how long it lives.
---@return integer? sum
---@return string? message
function Store:incr(key, by, options) end

---Sets how long a value lives from now.
---
---Errors: 0 seconds.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("short")
---s:set("k", 1)
---s:expire("k", 60) --> true
---s:ttl("k") <= 60 --> true
---s:expire("k", math.huge)
---s:ttl("k") == math.huge --> true
---s:ttl("other") --> nil
---```
---@param key string
---@param seconds number math.huge: forever
---@return boolean? done false where there is no value
---@return string? message
function Store:expire(key, seconds) end

---How many seconds a value has to live.
---
---Waits: for the server.
---
---Example: see `store:expire`.
---@param key string
---@return number? seconds math.huge: forever; nil: there is none
---@return string? message
function Store:ttl(key) end

---Keys, sorted. It looks at all keys of the server: it is for jobs, not for requests.
---
---Errors: a limit that is not from 1 to 1000.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("carts")
---for _, key in ipairs { "b", "a2", "a1" } do s:set(key, true) end
---table.concat(s:list("a"), " ") --> "a1 a2"
---table.concat(s:list("", { limit = 2, after = "a1" }), " ") --> "a2 b"
---```
---@param prefix? string Default: all
---@param options? { limit?: integer, after?: string } limit: default 100. after: only keys behind this one.
---@return string[]? keys
---@return string? message
function Store:list(prefix, options) end

---Takes of a rate: so many in so many seconds, and so many at once after a pause.
---
---Errors: a rate that is not more than 0, per below 0.001, a burst below 1; what needs more than a year to come back.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("mails")
---local rate = { rate = 2, per = 60 }
---(s:take("ann", rate)) --> true
---(s:take("ann", rate)) --> true
---local ok, left = s:take("ann", rate)
---ok --> false
---left.remaining --> 0
---left.retry_after <= 30 --> true
---```
---@param key string
---@param rate { rate: number, per?: number, burst?: integer, cost?: integer } per: seconds, default 1. burst: default rate. cost: default 1.
---@return boolean? ok
---@return { remaining: integer, reset: number, retry_after: number? }|string left Seconds until all is there again, and until the cost is; or the message
function Store:take(key, rate) end

---Takes a lock that one holder has, on whatever machine. Its fence is larger than that of any holder before: send it along with what
---you write elsewhere, and have that side refuse smaller ones, because a lock whose time is over goes to the next. It is given
---back when the response has ended, or the background task.
---
---Errors: a time that is none.
---
---Waits: until it is free, at most `wait` seconds.
---
---```lua
---local s = rover.store("jobs")
---local l = s:lock("report", { ttl = 10 })
---l.fence > 0 --> true
---s:lock("report") --> nil, "timeout"
---l:extend(60) --> true
---l:unlock() --> true
---l:unlock() --> false
---```
---@param key string
---@param options? { ttl?: number, wait?: number } Seconds. ttl: it is free again after that, default 30. wait: default 0.
---@return rover.StoreLock? lock
---@return string? why "timeout", or the message
function Store:lock(key, options) end

---Sends a value to all who have subscribed to a topic, on whatever machine. Nobody keeps it.
---
---Errors: nil, and what is no plain data; more than 1 MiB.
---
---Waits: for the server.
---
---```lua
---local s = rover.store("chat")
---local sub = s:subscribe("room")
---s:publish("room", { text = "hello" }) --> true
---sub:recv(1).text --> "hello"
---sub:recv(0) --> nil, "timeout"
---sub:close()
---sub:recv() --> nil, "closed"
---```
---@param topic string
---@param value any Plain data
---@return boolean? sent
---@return string? message
function Store:publish(topic, value) end

---Receives what is published, until close, or the end of the response, also after a reload. What no request has made ends with a
---reload.
---
---Errors: more than 10,000 subscriptions of a script are open.
---
---Example: see `store:publish`.
---@param topic string
---@return rover.Subscription
function Store:subscribe(topic) end

---A lock of a store. lock.fence is its number.
---@class rover.StoreLock
---@field fence integer
local StoreLock = {}

---Gives the lock back.
---
---Waits: for the server.
---
---Example: see `store:lock`.
---@return boolean? done false where its time was over before
---@return string? message
function StoreLock:unlock() end

---Keeps the lock for so long from now.
---
---Errors: 0 seconds.
---
---Waits: for the server.
---
---Example: see `store:lock`.
---@param seconds number
---@return boolean? done false where its time was over before
---@return string? message
function StoreLock:extend(seconds) end

---What was published since it began. It keeps 1000 values or 4 MiB for who does not receive them, and drops the oldest.
---@class rover.Subscription
local Subscription = {}

---The next value; of `rover.redis` the message and its channel.
---
---Waits: until there is one, at most that long.
---
---Example: see `store:publish`.
---@param seconds? number How long to wait, 0: not at all. Default: as long as the request may
---@return any value nil when there is none
---@return ("timeout"|"closed"|"lost"|string)? why "lost": some are missing here, because the script was slow or the server away. "closed": none will come, and it returns at once.
function Subscription:recv(seconds) end

---An iterator that receives until the subscription is closed. It does not tell what was lost.
---
---Waits: in each step, until there is a value.
---
---```lua
---local s = rover.store("feed")
---local sub = s:subscribe("news")
---for i = 1, 3 do s:publish("news", i) end
---local sum = 0
---for value in sub:iter() do
---  sum = sum + value
---  if value == 3 then sub:close() end
---end
---sum --> 6
---```
---@return fun(): any
function Subscription:iter() end

---Ends it.
---
---Example: see `store:publish`.
function Subscription:close() end
