local api = rover.server {}
local jobs = rover.channel("jobs", 10)
local carts = rover.store("carts")
function api.a.get() return jobs:recv(5) end --> returned-second
function api.b.get() return rover.subscribe("news"):recv() end --> returned-second
function api.c.get(ctx) return carts:get(ctx:query().key) end --> returned-second
function api.before.d(ctx) return carts:get("d") end --> returned-second
function api.e.get()
  local job, why = jobs:recv(5)
  return job or api:error(504, why)
end
function api.f.get() return (jobs:recv(5)) end
function api.g.get() return jobs:recv(5), 200 end
function api.h.get() return jobs:len() end
function api.j.get() return jobs:recv() end
function api.i.get() return api.sse(function() return jobs:recv(5) end) end
return api
