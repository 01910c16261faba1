local api = rover.server {}
function api.done.log(ctx, summary)
  ctx:log("done", { status = summary.status, id = ctx:request_id(), n = ctx:get("n") })
  local text = ctx:body():text() --> not-in-done
  pcall(function() ctx:set_var("x", text) end) --> not-in-done
  rover.spawn(function(ctx) return ctx:body() end)
end
function api.jobs.done.get(ctx) return ctx:body():text() end
function api.users.p_id.get(ctx)
  ctx:set_header("X-Forwarded-For", "10.0.0.1") --> forwarded-header
  ctx:add_header("x-forwarded-proto", "https") --> forwarded-header
  ctx:set_header("X-Real-Ip", "10.0.0.1")
  return api.proxy("10.0.0.5:80", { headers = { ["X-Forwarded-For"] = "10.0.0.1" } })
end
return api
