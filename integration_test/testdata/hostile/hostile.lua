-- One route for each way in which a request's body is read, or its answer written, while its
-- client may be gone.
local api = rover.server {}
local up = rover.config.up

function api.ok.get() return "ok" end
function api.try.unread.post() return "not read" end

-- The body, whole
function api.try.text.post(ctx) return tostring(#ctx:body():text()) end
function api.try.json.post(ctx) return type(ctx:body():json()) end
function api.try.form.post(ctx) return type(ctx:body():form()) end
function api.try.parts.post(ctx) return #ctx:multipart() end
function api.try.caught.post(ctx)
  local ok, err = pcall(function() return ctx:body():text() end)
  return { ok = ok, err = tostring(err) }
end

-- The body goes on, read or not
function api.try.pass.post() return api.pass() end
function api.try.read_pass.post(ctx) ctx:body():text() return api.pass() end
function api.try.proxy.post() return api.proxy(up) end
function api.try.read_proxy.post(ctx) ctx:body():text() return api.proxy(up) end
function api.try.wait_proxy.post(ctx) return ctx:proxy(up) end
function api.try.next.post(ctx) return ctx:next() end
function api.try.read_next.post(ctx) ctx:body():text() return ctx:next() end
function api.try.guarded.before.guard(ctx) ctx:body():text() end
function api.try.late.post() return "late" end
function api.try.late.after.read(ctx, res) res:set_header("X-Length", tostring(#ctx:body():text())) end
function api.try.twice.post(ctx)
  local first = ctx:proxy(up)
  return ctx:proxy(up, { headers = { ["X-First"] = tostring(first.status) } })
end

-- The answer is changed on its way
function api.try.whole.after.read(ctx, res) res:set_body(res:body():text() .. "!") end
function api.try.filter.after.chunks(ctx, res)
  res:on_chunk(function(chunk) return chunk:upper() end)
end

-- The answer comes from Lua, without end
function api.try.flow.get()
  return api.stream(200, "text/plain", function() return ("x"):rep(1000) end)
end
function api.try.events.get()
  return api.sse(function() rover.sleep(0.001) return "event" end)
end
function api.try.flow_read.post(ctx)
  ctx:body():text()
  return api.stream(200, "text/plain", function() rover.sleep(0.001) return "x" end)
end

-- Something else is waited for
function api.try.sleep.post() rover.sleep(1) return "slept" end
function api.try.lock.post()
  return rover.lock("l"):with(function() rover.sleep(0.001) return "had it" end)
end
function api.try.parallel.post(ctx)
  rover.parallel { function() rover.sleep(0.001) end, function() rover.sleep(1) end }
  return "both"
end
function api.try.spawn.post(ctx)
  rover.spawn(function() rover.sleep(0.001) end)
  return tostring(#ctx:body():text())
end

return api
