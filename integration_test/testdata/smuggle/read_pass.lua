-- It reads the body, and passes the request on.
local api = rover.server {}
local function any(ctx) ctx:body():text() return api.pass() end
api.any, api.w_rest.any = any, any
return api
