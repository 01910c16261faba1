-- A guard lets everybody in.
local api = rover.server {}
function api.before.guard(ctx) ctx:header("x-token") end
return api
