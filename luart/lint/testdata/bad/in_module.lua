local api = rover.server {}
local m = require "lib.m"
m.routes(api)
function api.lazy.get() return require("lib.lazy").answer end
return api
