---@meta rover.lock

-- A lock, across waits.

---A lock that one handler at a time can hold, across what it waits for. Without a wait a handler is atomic anyway. It is released
---when the response has ended, whoever sends it, or by release.
---
---With `shared`, one handler of all machines at a time holds it, by the store: it is kept for as long as its handler holds it, and is
---free after `ttl` seconds where that machine has died. acquire returns the fence, too, a number that grows from holder to
---holder, and with gives it to f.
---
---Errors: a bad option; ttl without shared; a shared name of more than 256 bytes.
---
---```lua
---local l = rover.lock("report")
---l:acquire(5) --> true
---l:release()
---l:with(function() return "made" end) --> "made"
---l:held() --> false
---l:release() --> error: lock "report" is not held by this handler
---local all = rover.lock("report", { shared = true, ttl = 5 })
---local ok, fence = all:acquire(5)
---ok and fence > 0 --> true
---all:release() --> true
---all:with(function(fence) return fence > 0 end) --> true
---```
---@param name string
---@param options? { shared?: boolean, ttl?: number } shared: with all machines, false by default; ttl: seconds, 0.1 to 86,400, default 10
---@return rover.Lock
function rover.lock(name, options) end

---A lock, or a semaphore.
---@class rover.Lock
local Lock = {}

---Waits for the lock, or a place of the semaphore. Who waits longest is next.
---
---Errors: a lock that the handler, or the caller of rover.parallel, holds already; handlers that wait for each other
---("deadlock: …"); more than 10,000 are held. Shared and without seconds: 503 where the store is away.
---
---Waits: until it is free, at most that long.
---
---Example: see `rover.lock`.
---@param seconds? number How long to wait, 0: not at all. Default: as long as the request may
---@return boolean acquired false when the time is over
---@return integer|string|nil fence Of a shared one: its fence, or why not: "timeout", or the message of the store.
function Lock:acquire(seconds) end

---Frees what the handler took last.
---
---Errors: it holds nothing.
---
---Waits: for the store, where it is shared.
---
---Example: see `rover.lock`.
---@return boolean? kept Of a shared one: false where it was lost before.
function Lock:release() end

---Calls f while it is held, and releases it whatever happens.
---
---Errors: those of acquire and of f; a shared one that was lost meanwhile.
---
---Waits: as acquire.
---
---Example: see `rover.lock`.
---@generic T
---@param f fun(fence?: integer): T It gets the fence of a shared one.
---@return T result What f returns
function Lock:with(f) end

---Whether the handler holds it. One that is shared may be lost: the store was away for longer than its ttl, or has given it to
---others. So ask before what must not be done twice.
---
---Example: see `rover.lock`.
---@return boolean held
---@return integer? fence Of a shared one.
function Lock:held() end
