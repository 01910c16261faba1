---@meta rover.semaphore

-- A lock with several places.

---A lock with n places, of which a handler may hold several. The n of the latest call counts. They are freed as a lock is. Its
---methods are those of rover.lock.
---
---With `shared`, n are the places on all machines, by the store: see `rover.lock`. Machines should say the same n: who says fewer
---than are held waits.
---
---Errors: n that is not a whole number from 1 to 1,000,000; those of the options of rover.lock.
---
---```lua
---local slots = rover.semaphore("reports", 2)
---slots:acquire() --> true
---slots:acquire() --> true
---slots:acquire(0) --> false
---slots:release()
---local all = rover.semaphore("reports", 5, { shared = true })
---all:with(function() return "one of five" end) --> "one of five"
---```
---@param name string
---@param n integer
---@param options? { shared?: boolean, ttl?: number } As of rover.lock.
---@return rover.Lock
function rover.semaphore(name, n, options) end
