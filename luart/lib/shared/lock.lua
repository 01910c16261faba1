---@meta rover.lock

-- A lock, across waits.

---A lock that one handler at a time can hold, across what it waits for. Without a wait a handler is atomic anyway. It is released
---when the response has ended, whoever sends it, or by release.
---
---```lua
---local l = rover.lock("report")
---l:acquire(5) --> true
---l:release()
---l:with(function() return "made" end) --> "made"
---l:release() --> error: lock "report" is not held by this handler
---```
---@param name string
---@return rover.Lock
function rover.lock(name) end

---A lock, or a semaphore.
---@class rover.Lock
local Lock = {}

---Waits for the lock, or a place of the semaphore. Who waits longest is next.
---
---Errors: a lock that the handler, or the caller of rover.parallel, holds already; handlers that wait for each other
---("deadlock: …"); more than 10,000 are held.
---
---Waits: until it is free, at most that long.
---
---Example: see `rover.lock`.
---@param seconds? number How long to wait, 0: not at all. Default: as long as the request may
---@return boolean acquired false when the time is over
function Lock:acquire(seconds) end

---Frees what the handler took last.
---
---Errors: it holds nothing.
---
---Example: see `rover.lock`.
function Lock:release() end

---Calls f while it is held, and releases it whatever happens.
---
---Errors: those of acquire and of f.
---
---Waits: as acquire.
---
---Example: see `rover.lock`.
---@generic T
---@param f fun(): T
---@return T result What f returns
function Lock:with(f) end
