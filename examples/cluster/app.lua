-- What a client may do, who it is and what was worked out for it, on however many machines.
local api = rover.server {}
local counts = rover.store("counts", { ttl = 86400 })
local reports = rover.store("reports")
local sessions = rover.session.new { secure = false } -- plain HTTP: this is an example

-- All machines together let ten requests for reports through in an hour, for each client.
api.reports.limit { rate = 10, per = 3600 }

-- A report is worked out on one machine, and kept for all of them for a minute. The lock has one
-- machine do it at a time.
local function work(name)
  local lock, why = reports:lock(name, { ttl = 10, wait = 5 })
  if not lock then return nil, why end
  local report = reports:get(name)
  if not report then
    rover.sleep(0.05) -- the work
    report = { name = name, worked_out = counts:incr("reports") }
    reports:set(name, report, { ttl = 60 })
  end
  lock:unlock()
  return report
end

function api.reports.p_name.get(ctx)
  local report, why = reports:get(ctx:param("name"))
  if not report then report, why = work(ctx:param("name")) end
  return report or api:error(503, why)
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
  if not visits then return api:error(503, why) end
  return { user = user, visits = visits }
end

return api
