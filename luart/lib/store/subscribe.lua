---@meta rover.subscribe

-- Messages from all machines.

---Receives what `rover.publish` sends, until close, or the end of the response, also after a reload. What no request has made ends
---with a reload.
---
---Errors: more than 10,000 subscriptions are open.
---
---```lua
---local sub = rover.subscribe("rooms")
---for i = 1, 3 do rover.publish("rooms", i) end
---local sum = 0
---for value in sub:iter() do
---  sum = sum + value
---  if value == 3 then break end
---end
---sum --> 6
---sub:close()
---sub:recv() --> nil, "closed"
---```
---@param topic string 1 to 512 bytes
---@return rover.Subscription
function rover.subscribe(topic) end
