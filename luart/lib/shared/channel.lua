---@meta rover.channel

-- A channel between handlers and tasks.

---A channel, which hands values from one handler or task to another, each once and in order.
---
---Errors: a capacity that is not a whole number from 0 to 65,536; more than 10,000 channels are open.
---
---```lua
---local jobs = rover.channel("jobs", 2)
---jobs:send({ id = 1 }) --> true
---jobs:send({ id = 2 }) --> true
---jobs:send({ id = 3 }, 0) --> false
---#jobs --> 2
---jobs:len() --> 2
---jobs:recv().id --> 1
---jobs:close()
---local left = 0
---for job in jobs:iter() do left = left + job.id end
---left --> 2
---jobs:recv(1) --> nil, "closed"
---```
---@param name string
---@param capacity? integer Values that it keeps while nobody receives. Default: 0
---@return rover.Channel
function rover.channel(name, capacity) end

---A channel. #channel is how many values it keeps.
---@class rover.Channel
---@operator len: integer
local Channel = {}

---Sends a copy of a value.
---
---Errors: nil, and what is no plain data; a channel that is closed, also while it waits.
---
---Waits: until a receiver has it or there is room, at most that long.
---
---Example: see `rover.channel`.
---@param value any Plain data
---@param seconds? number How long to wait, 0: not at all. Default: as long as the request may
---@return boolean sent false when the time is over
function Channel:send(value, seconds) end

---The oldest value.
---
---Waits: until there is one, at most that long.
---
---Example: see `rover.channel`.
---@param seconds? number How long to wait, 0: not at all. Default: as long as the request may
---@return any value nil when there is none
---@return ("timeout"|"closed")? why There is none: the time is over, or the channel is closed and empty.
function Channel:recv(seconds) end

---An iterator that receives until the channel is closed and empty.
---
---Waits: in each step, until there is a value.
---
---Example: see `rover.channel`.
---@return fun(): any
function Channel:iter() end

---Ends the channel: nothing can be sent any more, and what it keeps can be received.
---
---Example: see `rover.channel`.
function Channel:close() end

---How many values the channel keeps.
---
---Example: see `rover.channel`.
---@return integer
function Channel:len() end
