local api = rover.server {}
local other = rover.server {} --> second-server
function api.get() return other end
return api
