---@meta rover.channel

---A channel between requests.
---@param name string
---@param capacity? integer Values that it keeps while nobody receives. Default: 0
---@return rover.Channel
function rover.channel(name, capacity) end

---@class rover.Channel
---@operator len: integer
local Channel = {}

---@param value any Plain data, which is copied
---@param seconds? number How long to wait
---@return boolean sent false when the time is over
function Channel:send(value, seconds) end

---@param seconds? number How long to wait
---@return any value
---@return ("timeout"|"closed")? why there is none
function Channel:recv(seconds) end

---Receives until the channel is closed and empty.
---@return fun(): any
function Channel:iter() end

function Channel:close() end

---@return integer
function Channel:len() end
