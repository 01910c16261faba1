---@meta rover.redis

-- Commands of a Redis server.

---A server that speaks the protocol of Redis 6 or later. The first call connects; all calls share few connections, which come
---back when they are lost. A connection that nobody has used for a minute is closed.
---
---All functions of it return nil and a message that begins with "redis: " where the server says that something is wrong, or does
---not answer in time.
---
---Where: `allow net` must let the script reach the server's address; in tests of scripts there is no network.
---
---Errors: a URL or an option that is none; no `allow net`; more than 64 servers.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---r:set("greeting", "hello", "EX", 60) --> "OK"
---r:get("greeting") --> "hello"
---r:get("nothing") --> nil
---r:hset("user:7", { name = "ann", age = 7 })
---r:hgetall("user:7").name --> "ann"
---r:rpush("jobs", { "a", "b" }) --> 2
---r:lrange("jobs", 0, -1) --> { "a", "b" }
---r:incr("greeting") --> nil, "redis: value is not an integer or out of range"
---```
---@param url string redis://[user:password@]host[:port][/database], rediss:// with TLS. ?addr=host:port adds a server of a cluster, or a Sentinel with &master_set=name
---@param options? { user?: string, password?: string, timeout?: number, ca?: string, insecure?: boolean } user, password: in place of the URL's. timeout: seconds of one call, 0.001 to 60, default 1. ca: the authorities to trust, PEM. insecure: trust whoever answers
---@return rover.Redis
function rover.redis(url, options) end

---A server. Any other name is a command, too: `r:zincrby("z", 1, "ann")`. Arguments are strings, numbers, lists of them, which
---stand for their values, and tables of fields. Answers: texts are strings; numbers are numbers, beyond 2^53 strings of
---digits; lists and sets are lists, in which no value is `rover.json.null`; maps are tables.
---
---What changes the shared connection is an error that says what to use instead: SELECT, CLIENT, SUBSCRIBE, MULTI, MONITOR. What
---waits at the server (BLPOP, XREAD with BLOCK) has a connection of its own, up to 64 at once, and ends with the request.
---@class rover.Redis
local Redis = {}

---A command by its name.
---
---Errors: an argument that is none; a command that cannot be had here; arguments of more than 16 MiB.
---
---Waits: for the server.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---r:command("SADD", "colours", "red") --> 1
---r:command("SISMEMBER", "colours", "blue") --> 0
---```
---@param name string
---@param ... any Arguments
---@return any answer
---@return string? message
function Redis:command(name, ...) end

---Runs a script in the server. Its text is sent the first time only.
---
---Errors: keys or args that are no lists.
---
---Waits: for the server.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---r:eval("return redis.call('incrby', KEYS[1], ARGV[1])", { "n" }, { 5 }) --> 5
---```
---@param script string
---@param keys? string[] KEYS
---@param args? (string|number)[] ARGV
---@return any answer
---@return string? message
function Redis:eval(script, keys, args) end

---Sends commands at once, and returns the list of their answers. One that has failed is `{ err = message }`, and no value
---`rover.json.null`. Others may come between them.
---
---Errors: as command; what waits at the server; more than 10,000 commands.
---
---Waits: for the server.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---r:pipeline { { "SET", "a", 1 }, { "INCR", "a" } } --> { "OK", 2 }
---local answers = r:pipeline(function(p)
---  p:incr("a")
---  p:get("a")
---end)
---answers --> { 3, "3" }
---```
---@param commands any[][]|fun(p: rover.RedisCommands)
---@return any[]? answers
---@return string? message
function Redis:pipeline(commands) end

---Sends commands that nobody comes between, on a connection of their own. With `watch` those before `t:multi()` are asked at once,
---and the rest is done only if none of these keys has changed meanwhile. A function that returns false gives up.
---
---Errors: as pipeline, and those of the function.
---
---Waits: for the server.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---r:transaction { { "SET", "stock", 3 }, { "DECR", "stock" } } --> { "OK", 2 }
---local done = r:transaction({ watch = "stock" }, function(t)
---  local left = tonumber(t:get("stock"))
---  if left == 0 then return false end
---  t:multi()
---  t:set("stock", left - 1)
---end)
---done --> { "OK" }
---local again, why = r:transaction({ watch = "stock" }, function(t)
---  r:set("stock", 9)
---  t:multi()
---  t:set("stock", 1)
---end)
---why --> "conflict"
---```
---@param options { watch: string|string[] }|any[][]|fun(t: rover.RedisCommands)
---@param f? fun(t: rover.RedisCommands): boolean?
---@return any[]? answers
---@return string? why "conflict": a watched key has changed; "redis: given up"; or the message
function Redis:transaction(options, f) end

---Receives the messages of channels, until close, or the end of the response, also after a reload. What no request has made ends
---with a reload. What `recv` and `iter` return is the message and its channel. It returns when messages come.
---
---Errors: more than 100 channels, or 10,000 subscriptions.
---
---Waits: for the server.
---
---```lua
---local r = rover.redis(rover.config.redis, { timeout = 5 })
---local sub = r:subscribe("news")
---r:publish("news", "rain") --> 1
---sub:recv(5) --> "rain", "news"
---sub:close()
---```
---@param ... string Channels
---@return rover.Subscription? subscription
---@return string? message
function Redis:subscribe(...) end

---Receives the messages of all channels that match a pattern of Redis: `user:*`.
---
---Errors: as subscribe.
---
---Waits: for the server.
---
---Example: see `redis:subscribe`.
---@param ... string Patterns
---@return rover.Subscription? subscription
---@return string? message
function Redis:psubscribe(...) end

---The value of a key.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@return any value nil where there is none
---@return string? message
function Redis:get(key) end

---Sets a value. Options stand behind it: `r:set(key, value, "EX", 60, "NX")`.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param value string|number
---@param ... string|number
---@return any ok "OK", or nil where NX or XX forbids it
---@return string? message
function Redis:set(key, value, ...) end

---Removes keys.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string|string[]
---@param ... string|number
---@return integer? n How many there were
---@return string? message
function Redis:del(key, ...) end

---Adds one to a number.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@return integer|string|nil sum
---@return string? message
function Redis:incr(key) end

---Sets how long a key lives.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param seconds integer
---@return integer? done 0 where there is none
---@return string? message
function Redis:expire(key, seconds) end

---How long a key has to live.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@return integer? seconds -1: for ever; -2: there is none
---@return string? message
function Redis:ttl(key) end

---How many of the keys there are.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string|string[]
---@param ... string|number
---@return integer? n
---@return string? message
function Redis:exists(key, ...) end

---A field of a hash.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param field string
---@return string? value nil where there is none
---@return string? message
function Redis:hget(key, field) end

---Sets fields of a hash: a table, or field, value, …
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param fields table<string, string|number>|string
---@param ... string|number
---@return integer? new How many of them are new
---@return string? message
function Redis:hset(key, fields, ...) end

---All fields of a hash.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@return table<string, string>? fields
---@return string? message
function Redis:hgetall(key) end

---Puts values before a list.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param value string|number|string[]
---@param ... string|number
---@return integer? length
---@return string? message
function Redis:lpush(key, value, ...) end

---Takes the last of a list.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param count? integer
---@return any value nil where there is none
---@return string? message
function Redis:rpop(key, count) end

---A part of a list; -1 is its last.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param first integer
---@param last integer
---@return string[]? values
---@return string? message
function Redis:lrange(key, first, last) end

---Adds members to a set.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param member string|number|string[]
---@param ... string|number
---@return integer? new
---@return string? message
function Redis:sadd(key, member, ...) end

---The members of a set, in no order.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@return string[]? members
---@return string? message
function Redis:smembers(key) end

---Adds a member with a score to a sorted set.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param score number
---@param member string
---@param ... string|number
---@return integer? new
---@return string? message
function Redis:zadd(key, score, member, ...) end

---Members of a sorted set, by their place or as its options say.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param key string
---@param first number|string
---@param last number|string
---@param ... string|number
---@return any members
---@return string? message
function Redis:zrange(key, first, last, ...) end

---Sends a message to all who have subscribed to a channel.
---
---Waits: for the server.
---
---Example: see `rover.redis`.
---@param channel string
---@param message string|number
---@return integer? n How many got it, of this server
---@return string? message
function Redis:publish(channel, message) end

---What is sent at once: any name is a command that is added, and answered by the pipeline or the transaction.
---@class rover.RedisCommands
local RedisCommands = {}

---Adds a command by its name.
---
---Errors: as that of the server.
---
---Example: see `redis:pipeline`.
---@param name string
---@param ... any Arguments
---@return any answer Of a transaction that watches keys, before multi; else nothing
---@return string? message
function RedisCommands:command(name, ...) end

---Ends what is asked at once in a transaction that watches keys.
---
---Example: see `redis:transaction`.
function RedisCommands:multi() end
