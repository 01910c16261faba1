-- It reads the body, and hands the request to an upstream.
local api = rover.server {}
local up = rover.config.up
local function any(ctx)
  ctx:body():text()
  return api.proxy((up:gsub("N", ctx:var("http.vars.lane"))))
end
api.any, api.w_rest.any = any, any
return api
