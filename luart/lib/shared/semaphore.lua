---@meta rover.semaphore

-- A lock with several places.

---A lock with n places, of which a handler may hold several. The n of the latest call counts. They are freed as a lock is. Its
---methods are those of rover.lock.
---
---Errors: n that is not a whole number from 1 to 1,000,000.
---
---```lua
---local slots = rover.semaphore("reports", 2)
---slots:acquire() --> true
---slots:acquire() --> true
---slots:acquire(0) --> false
---slots:release()
---```
---@param name string
---@param n integer
---@return rover.Lock
function rover.semaphore(name, n) end
