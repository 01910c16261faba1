-- What a client may do, who it is and what was worked out for it, on however many machines.
local api = rover.server {}
local counts = rover.store("counts", { ttl = 86400 })
local reports = rover.cache("reports", { shared = true, ttl = 60 })
local sessions = rover.session.new { secure = false } -- plain HTTP: this is an example

-- All machines together let ten requests for reports through in an hour, for each client.
api.reports.limit { rate = 10, per = 3600 }

-- A report is worked out on one machine, however many ask for it on all of them, and kept for a minute.
function api.reports.p_name.get(ctx)
  local name = ctx:param("name")
  return reports:fetch(name, function()
    rover.sleep(0.05) -- the work
    local n, why = counts:incr("reports")
    if not n then error { status = 503, message = why } end
    return { name = name, worked_out = n }
  end)
end

-- A session: the machine that is asked next knows it.
function api.login.p_user.post(ctx)
  local s = sessions:start(ctx)
  s:regenerate()
  s:set("user", ctx:param("user"))
  return "welcome, " .. ctx:param("user")
end

function api.me.get(ctx)
  local user = sessions:start(ctx):get("user")
  if not user then return api:error(401, "log in first") end
  local visits, why = counts:incr("visits:" .. user)
  if not visits then error { status = 503, message = "try again later", cause = why } end
  return { user = user, visits = visits }
end

return api
