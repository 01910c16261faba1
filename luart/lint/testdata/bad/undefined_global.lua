local api = rover.server {}
local count = 0
function api.get()
  count = count + 1
  return { count = cuont } --> undefined-global
end
function api.path.get() return ctx.path end --> undefined-global
function api.time.get() return sleep(1) end --> undefined-global
return api
