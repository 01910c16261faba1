-- what may be dropped, what ends without a value, what is kept in a variable
local api = rover.server {}
local users, waiting = rover.state("users", {}), rover.channel("waiting", 1)
function api.users.p_id.delete(ctx)
  if not users[ctx:param("id")] then return api:error(404, "no such user") end
  users[ctx:param("id")] = nil
end
function api.users.p_id.put(ctx)
  if ctx:query().dry then return { dry = true } end
  users[ctx:param("id")] = ctx:body():json()
end
function api.latest.get()
  if users.latest then return users.latest end
end
function api.poll.get()
  for _ = 1, 3 do
    local message = waiting:recv(0.01)
    if message then return message end
  end
end
local function fail(status) error { status = status, message = "no" } end
function api.strict.get(ctx)
  if ctx.method == "GET" then return "fine" end
  fail(405)
end
function api.explicit.get(ctx)
  if ctx:query().a then return "a" end
  if ctx:query().b then return end
  users.c = true
end
function api.before.guard(ctx)
  if ctx.path == "/skip" then return end
  local res = api.json { ok = true }
  res:set_header("X-A", "1")
  if ctx.path == "/answer" then return res end
  ctx:next()
end
function api.after.brand(ctx, res)
  res:set_header("X-Served-By", "rover"):remove_header("Server")
  res.status = res.status
  if res.error then ctx:log(res.error) end
end
api.on_start(function() users.started = true end)
api:on_stop(function() users.started = nil end)
function api.on_reload(old_version, state) return old_version + #state end
api.on_error = function(err, ctx) return ctx and { error = err.message, traceback = err.traceback } end
return api
