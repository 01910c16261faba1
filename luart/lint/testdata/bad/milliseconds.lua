local api = rover.server {}
local client = rover.http.create { base_url = "http://127.0.0.1:1", timeout = 5000 } --> milliseconds
local store = rover.store("s")
local reports = api.reports
reports.concurrency { max = 4, wait = 2000 } --> milliseconds
api:at("/reports/:id").concurrency { max = 4, wait = 1800 }
api.limit { rate = 5, per = 5000 }
function api.get(ctx)
  store:set("k", 1, { ttl = 5000 })
  store:lock("k", { ttl = 2000, wait = 3000 }) --> milliseconds
  ctx:mirror("127.0.0.1:1", { timeout = 3500 }) --> milliseconds
  ctx:mirror("127.0.0.1:1", { timeout = 3600 })
  rover.cache("c"):fetch("k", { ttl = 10000, stale = 60000 }, function() return 1 end)
  api.text("x"):set_cookie { name = "a", value = "b", max_age = 30000 } -- rover: ignore dropped-response
  client:get("/", { timeout_ms = 5000 })
  client:get("/", { timeout = 1e3 }) --> milliseconds
  client:get("/", { timeout = 999 })
  return api.proxy("127.0.0.1:1", { timeout = 2000 }) --> milliseconds
end
return api
