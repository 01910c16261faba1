local api = rover.server {}
local slow, to = "0.3s", "127.0.0.1:1"
local twice = { attempts = 2, backoff = -1 }
function api.get(ctx)
  if ctx.path == "/a" then return api.proxy(to, { timeout = slow }) end --> bad-argument
  if ctx.path == "/b" then return api.proxy(to, { timeout = 0, tries = 0 }) end --> bad-argument bad-argument
  if ctx.path == "/c" then return api.proxy(to, { retry = 11 }) end --> bad-argument
  if ctx.path == "/d" then return api.proxy(to, { breaker = 1 }) end --> bad-argument
  if ctx.path == "/e" then return api.proxy(to, { host = "" }) end --> bad-argument
  if ctx.path == "/f" then return api.proxy(to, { path = "x" }) end --> bad-argument
  if ctx.path == "/g" then return api.proxy(to, { path = "/x\0" }) end --> bad-argument
  if ctx.path == "/h" then return api.proxy(to, { headers = { ["A B"] = "x" } }) end --> bad-argument
  if ctx.path == "/i" then return api.proxy(to, { retry = twice }) end --> bad-argument
  if ctx.path == "/j" then return api.proxy(to, { pick = "least" }) end --> bad-argument
  if ctx.path == "/k" then return api.proxy(to, { retry = { attempts = 99, tries = 5 } }) end --> unknown-option
  ctx:mirror(to, { sample = 2, max_body = 1.5 }) --> bad-argument bad-argument
  ctx:mirror(to, { sample = 1, max_body = 1024, host = "a:80", timeout = 5 })
  local options = { timeout = 0.3, tries = 2, host = "example.com", path = "/x?y=1", headers = { A = "x" } }
  if ctx.path == "/l" then return api.proxy(to, options) end
  if ctx.path == "/m" then return api.proxy(to, { timeout = tonumber(ctx:header("T")), retry = { attempts = 0 + 0 } }) end
  return ctx:proxy(to, { timeout = -1, retry = { attempts = 2, on = { "connect", 503 } }, breaker = true }) --> bad-argument
end
return api
