-- a strict mode, and globals that come from elsewhere
setmetatable(_G, { __index = function(_, name) return name end })
local api = rover.server {}
function api.get() return anything_at_all end
return api
