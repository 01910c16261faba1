local api = rover.server {}
local loop = require "loop.a"
function api.get() return loop end
return api
