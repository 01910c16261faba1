local api = rover.server {}
local s = rover.state("chaos", { ledger = {}, locked = 0 })
local up = rover.http.create { base_url = rover.config.up }

-- mark says that a handler has done what it is for: the last thing before its answer.
local function mark(ctx, suffix)
  local id = ctx:query().id .. (suffix or "")
  s.ledger[id] = (s.ledger[id] or 0) + 1
  return id
end

local good = {}

function good.count(ctx) return mark(ctx) end

function good.sleep(ctx)
  rover.sleep(0.005)
  return mark(ctx)
end

-- Without the lock increments would be lost.
function good.lock(ctx)
  return rover.lock("l"):with(function()
    local n = s.locked
    rover.sleep(0.001)
    s.locked = n + 1
    return mark(ctx)
  end)
end

function good.semaphore(ctx)
  return rover.semaphore("s", 3):with(function()
    rover.sleep(0.001)
    return mark(ctx)
  end)
end

function good.fetch(ctx)
  local got = rover.cache("c"):fetch("k", { ttl = 0.02, stale = 0.02 }, function()
    rover.sleep(0.005)
    return rover.config.version
  end)
  assert(got == "a" or got == "b")
  return mark(ctx)
end

function good.http(ctx)
  assert(assert(up:get("/slow")).body == "slow")
  return mark(ctx)
end

function good.lines(ctx)
  local n = 0
  for line in assert(up:get("/lines", { stream = true })):lines() do n = n + #line end
  assert(n == 300)
  return mark(ctx)
end

-- The service resets the connection: an error value, not an error.
function good.http_reset(ctx)
  local res, err = up:get("/reset")
  assert(not res and err)
  return mark(ctx)
end

function good.parallel(ctx)
  local a, b = rover.parallel {
    function() rover.sleep(0.002) return "slept" end,
    function() return assert(up:get("/slow")).body end,
  }
  assert(a == "slept" and b == "slow")
  return mark(ctx)
end

function good.body(ctx)
  assert(ctx:body():len() == 1000)
  return mark(ctx)
end

function good.spawn(ctx)
  local id = ctx:query().id
  rover.spawn(function()
    pcall(rover.sleep, 0.002)
    s.ledger[id .. " spawned"] = (s.ledger[id .. " spawned"] or 0) + 1
  end)
  return mark(ctx)
end

function good.channel(ctx)
  local id = ctx:query().id
  local ch = rover.channel(id)
  rover.spawn(function() pcall(ch.send, ch, id, 5) end)
  local ok, got = pcall(ch.recv, ch, 5)
  ch:close()
  if not ok then error(got, 0) end
  assert(got == id)
  return mark(ctx)
end

for name, f in pairs(good) do api.good[name].post = f end
for name, f in pairs(require "bad") do api.bad[name].post = f end

function api.proxied.p_what.post(ctx) return api.proxy(rover.config.up, { path = "/" .. ctx:param("what") }) end
function api.proxied.after.mark(ctx, res) res:set_header("X-After", "1") end
function api.onward.p_what.post(ctx)
  ctx:rewrite("/" .. ctx:param("what"))
  return api.pass()
end
function api.onward_callback.after.callback(ctx) return ctx:var("chaos.callback") end
function api.guarded.before.callback(ctx) return ctx:var("chaos.callback") end

function api.big.post() return ("0123456789abcdef"):rep(65536) end

-- The ledger, once: it begins anew.
function api.ledger.post()
  local ledger, locked = s.ledger, s.locked
  s.ledger, s.locked = {}, 0
  return { ledger = ledger, locked = locked }
end

-- Whether all that handlers have taken is free.
function api.free.post()
  local free = true
  for _, l in ipairs { rover.lock("l"), rover.lock("left"), rover.semaphore("s", 3), rover.semaphore("s", 3), rover.semaphore("s", 3) } do
    free = l:acquire(0) and free
  end
  return free
end

return api
