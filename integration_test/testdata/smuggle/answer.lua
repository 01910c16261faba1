-- It answers, and does not read the body.
local api = rover.server {}
local function any() return "answer" end
api.any, api.w_rest.any = any, any
return api
