-- tables of options in options, and those in which the script chooses the names
local api = rover.server {
  health = { live = "/alive", ready = "/ready", details = true, interval = 5, timeout = 1 },
  readiness = { dependencies = { database = function() return true end } },
  rate_limit = {
    global = false,
    scoped = { { path_pattern = "/a", requests_per_window = 5, window_secs = 60, key_header = "X-Key" } },
  },
}
local keys = rover.auth.secrets { signing = { active = "a", keys = { a = ("a"):rep(32) } } }
api.orders.auth { jwt = keys }
api.orders.expect { post = { body = { name = "string" }, query = { bdy = "string?" }, extra = "error" } }
api.orders.doc { post = { summary = "Makes an order", responses = { [201] = { description = "made", example = { anything = 1 } } } } }
local breaker = { failures = 5, window = 10, open = 3, half_open = 1, on = { 503 } }
function api.orders.post()
  return api.proxy("127.0.0.1:1", { retry = { attempts = 3, backoff = 0.1 }, breaker = breaker, headers = { anything = "x" } })
end
function api.orders.get() return api.proxy("127.0.0.1:1", { retry = 3, breaker = true }) end
return api
