local api = rover.server {
  health = { live = "/alive", detials = true }, --> unknown-option
  readiness = { dependecies = {} }, --> unknown-option
  rate_limit = {
    global = { request_per_window = 5 }, --> unknown-option
    scoped = {
      { path_pattern = "/a", requests_per_window = 5, window_sec = 60 }, --> unknown-option
      { path_pattern = "/b", 5 }, --> unknown-option
    },
  },
}
local http = rover.http
local client = http.create { retry = { atempts = 3 } } --> unknown-option
local keys = rover.auth.secrets { signing = { actve = "a", keys = { a = ("a"):rep(32) } } } --> unknown-option
local login = rover.auth.oidc { allow = { group = "staff" } } --> unknown-option
api.orders.expect {
  post = { bdy = { name = "string" } }, --> unknown-option
}
api.orders.doc {
  post = {
    sumary = "Makes an order", --> unknown-option
    responses = {
      [201] = { descripton = "made" }, --> unknown-option
      [422] = { description = "not as it is to be", exmple = 1 }, --> unknown-option
    },
  },
}
function api.orders.post(ctx)
  local again = { attempts = 3, backof = 0.1 } --> unknown-option
  local res = http.get("http://127.0.0.1:1", { retry = again, breaker = { failurs = 5 } }) --> unknown-option
  client:post("/", { json = { retry = { any = 1 } }, breaker = { ratio = 0.5, open_for = 3 } }) --> unknown-option
  if keys and login then return ctx:proxy("127.0.0.1:1", { retry = { retries = 2 } }) end --> unknown-option
  if res.status == 200 then return api.proxy("127.0.0.1:1", { retry = { 3 } }) end --> unknown-option
  return api.proxy("127.0.0.1:1", { retry = { try_timeout = 3000 } }) --> milliseconds
end
return api
