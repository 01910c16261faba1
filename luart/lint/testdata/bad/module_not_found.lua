local api = rover.server {}
local m = require "lib.missing" --> module-not-found
function api.get() return m end
return api
