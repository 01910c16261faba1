-- The contexts in which the places of places.lua can be, and the other side of what calls.lua waits for.
local calls = require "calls"
local places = require "places"
local shared = rover.state("waiting", { released = {} })
local api = rover.server {}

local function cell(ctx)
  local place, call, id = ctx:param("place"), ctx:param("call"), ctx:param("id")
  return function(ctx) return places[place](calls.waiter(call, id, ctx), id) end
end

function api.names.get()
  local names = { calls = {}, places = {} }
  for name in pairs(calls.calls) do table.insert(names.calls, name) end
  for name in pairs(places) do table.insert(names.places, name) end
  return names
end

function api.route.p_place.p_call.p_id.post(ctx) return cell(ctx)(ctx) end

function api.before_hook.p_place.p_call.p_id.before.wait(ctx) ctx:set("got", cell(ctx)(ctx)) end
function api.before_hook.p_place.p_call.p_id.post(ctx) return ctx:get("got") end

function api.after_answer.p_place.p_call.p_id.post() return "own" end
function api.after_answer.p_place.p_call.p_id.after.wait(ctx) return api.text(cell(ctx)(ctx)) end

function api.after_passed.p_place.p_call.p_id.post() return api.pass() end
function api.after_passed.p_place.p_call.p_id.after.wait(ctx, res)
  assert(res:header("X-Next") == "yes")
  return api.text(cell(ctx)(ctx))
end

function api.filter.p_place.p_call.p_id.post() return api.pass() end
function api.filter.p_place.p_call.p_id.after.wait(ctx, res)
  local wait = cell(ctx)
  res:on_chunk(function(_, last) return last and wait(ctx) or nil end)
end

function api.producer.p_place.p_call.p_id.post(ctx)
  local wait = cell(ctx)
  return api.stream(200, "text/plain", function()
    local f = wait
    wait = nil
    return f and f(ctx)
  end)
end

function api.on_error_hook.p_place.p_call.p_id.post() error("boom") end
function api.on_error(err, ctx)
  if not ctx.path:find("^/on_error_hook/") or not err.message:find("boom") then return end
  return api.text:status(200, cell(ctx)(ctx))
end

-- Background work has no answer: it logs what it got.
local function background(start)
  return function(ctx)
    local run, id = cell(ctx), ctx:param("id")
    start(function()
      local ok, got = pcall(run)
      print("done " .. id .. " " .. tostring(got))
    end, id)
    return "started"
  end
end
api.spawn.p_place.p_call.p_id.post = background(function(f) rover.spawn(f) end)
api.timer_after.p_place.p_call.p_id.post = background(function(f) rover.after(0, f) end)
api.timer_every.p_place.p_call.p_id.post = background(function(f)
  local timer
  timer = rover.every(0.001, function()
    timer:stop()
    f()
  end)
end)
-- The task that refreshes a value of a cache.
api.refresh.p_place.p_call.p_id.post = background(function(f, id)
  local cache = rover.cache("refresh")
  cache:set(id, true, 0.000001)
  rover.sleep(0.001) -- now it is over
  assert(cache:fetch(id, { stale = 60 }, function() f() return false end) ~= nil)
end)

-- Somebody who has what the call waits for, until release.
function api.hold.p_call.p_id.post(ctx)
  local call, id = ctx:param("call"), ctx:param("id")
  local function hold()
    print("held " .. id)
    rover.channel("hold " .. id):recv()
    return id
  end
  if call == "fetch" then
    rover.cache("waiting"):fetch(id, { ttl = 0 }, hold)
  elseif call == "lock" then
    rover.lock(id):with(hold)
  elseif call == "semaphore" then
    rover.semaphore(id, 1):with(hold)
  end
  return "held"
end

-- What runs while the call waits.
function api.release.p_call.p_id.post(ctx)
  local call, id = ctx:param("call"), ctx:param("id")
  shared.released[id] = true
  if call == "recv" or call == "iter" or call == "parallel" then
    rover.channel(id):send(id)
    rover.channel(id):close()
  elseif call == "send" then
    local got = rover.channel(id):recv()
    assert(got == id, got)
    rover.channel(id):close()
  elseif call == "fetch" or call == "lock" or call == "semaphore" then
    rover.channel("hold " .. id):send(true)
    rover.channel("hold " .. id):close()
  end
  return "released"
end

return api
