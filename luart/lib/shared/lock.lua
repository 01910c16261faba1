---@meta rover.lock

---A lock that one handler at a time can hold, across what it waits for. It is released when the
---response has ended, whoever sends it, or by release.
---@param name string
---@return rover.Lock
function rover.lock(name) end

---@class rover.Lock
local Lock = {}

---@param seconds? number How long to wait; without it, as long as the request may
---@return boolean acquired
function Lock:acquire(seconds) end

function Lock:release() end

---Calls f while it is held, and returns what f returns.
---@generic T
---@param f fun(): T
---@return T
function Lock:with(f) end
