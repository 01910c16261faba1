---@meta rover.publish

-- A message to all machines.

---Sends a value to all who have subscribed to a topic by `rover.subscribe`: here, and on all machines where the directive names a
---`store`. Nobody keeps it. The topics of a `rover.store` are others.
---
---Errors: nil, and what is no plain data; more than 1 MiB; a third argument.
---
---Waits: for the server.
---
---```lua
---local sub = rover.subscribe("orders")
---rover.publish("orders", { event = "paid", id = 7 }) --> true
---sub:recv(1).id --> 7
---sub:close()
---```
---@param topic string 1 to 512 bytes
---@param value any Plain data
---@return boolean? sent
---@return string? message
function rover.publish(topic, value) end
