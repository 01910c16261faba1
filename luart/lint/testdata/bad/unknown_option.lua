local api = rover.server {}
local http, cache = rover.http, rover.cache("x", {
  max_items = 10,
  tll = 1, --> unknown-option
})
local client = http.create { base_ulr = "http://127.0.0.1:1" } --> unknown-option
local orders = rover.metrics.counter("orders_total", { labls = { "kind" } }) --> unknown-option
api.limit { rate = 5, pre = 60 } --> unknown-option
api.orders.concurrency { max = 5, wiat = 60 } --> unknown-option
function api.get(ctx)
  local u, name = "http://127.0.0.1:1", "any"
  http.get(u, { timout = 3 }) --> unknown-option
  local later = { timout = 3 } --> unknown-option
  later.timeout = 3
  http.get(u, later)
  http.get(u, {
    ["timout"] = 3, --> unknown-option
  })
  rover.http.post(u, { title = "foo", body = nil }) --> unknown-option
  rover.http.put(u, { title = "foo" }, { timout = 3 }) --> unknown-option
  rover.http.patch(u, { 1, 2 }) --> unknown-option
  client:get("/", { ["timout"] = 3, [name] = 4 }) --> unknown-option
  ctx:mirror("127.0.0.1:1", { smaple = 0.5 }) --> unknown-option
  cache:fetch("k", { sale = 1 }, function() return 1 end) --> unknown-option
  ctx:body():expect({ name = "string" }, { extras = "keep" }) --> unknown-option
  local res = ctx:next()
  res:replace("a", "b", { windw = 4 }) --> unknown-option
  orders:inc()
  if name then return api.text("x"):set_cookie { name = "a", value = "b", samesite = "lax" } end --> unknown-option
  if u then return api:error(400, "x", { handled = true }) end --> unknown-option
  if res then error { status = 400, mesage = "x" } end --> unknown-option
  return api.proxy("127.0.0.1:1", { timeot = 2 }) --> unknown-option
end
function api.after.cookie(_, res)
  res:set_cookie { name = "a", value = "b", htponly = true } --> unknown-option
end
return api
