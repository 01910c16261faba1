---@meta rover.semaphore

---A lock with n places.
---@param name string
---@param n integer
---@return rover.Lock
function rover.semaphore(name, n) end
