-- It waits for the upstream's answer.
local api = rover.server {}
local up = rover.config.up
local function any(ctx) return ctx:proxy((up:gsub("N", ctx:var("http.vars.lane")))) end
api.any, api.w_rest.any = any, any
return api
