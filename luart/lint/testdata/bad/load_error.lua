local api = rover.server {}
local limit = tonumber(rover.config.limit) + 1 --> load-error
function api.get() return limit end
return api
