local api = rover.server {}
local client = rover.http.create { base_url = "http://127.0.0.1:1", timeout = 5000 } --> milliseconds
function api.get(ctx)
  client:get("/", { timeout_ms = 5000 })
  client:get("/", { timeout = 1e3 }) --> milliseconds
  client:get("/", { timeout = 999 })
  return api.proxy("127.0.0.1:1", { timeout = 2000 }) --> milliseconds
end
return api
