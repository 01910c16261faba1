-- GET /lock => 200 ok
-- GET /with => 200 ok
-- GET /deadlock => 200 ok
-- GET /parallel => 200 ok
-- GET /semaphore => 200 ok
-- GET /anywhere => 200 ok
-- GET /mistakes => 200 ok
local api = rover.server {}

local function raises(pattern, f, ...)
  local ok, err = pcall(function(...) f(...) end, ...)
  assert(not ok, "no error, want " .. pattern)
  assert(tostring(err):find(pattern, 1, true), tostring(err) .. " -- want " .. pattern)
end

function api.lock.get()
  local l = rover.lock("l")
  assert(l:acquire() == true)
  l:release()
  assert(rover.lock("l"):acquire(0) == true)
  l:release()
  local held, done = rover.channel("held"), rover.channel("done")
  local _, second = rover.parallel {
    function() l:acquire() held:send(true) done:recv() end,
    function() held:recv() local got = l:acquire(0.001) done:send(true) return got end,
  }
  assert(second == false)
  return "ok"
end

function api.with.get()
  local l = rover.lock("with")
  local a, b, c = l:with(function() raises("deadlock", l.acquire, l) return 1, nil, 3 end)
  assert(a == 1 and b == nil and c == 3)
  assert(select("#", l:with(function() end)) == 0)
  raises("boom", l.with, l, function() error("boom") end)
  local ok, err = pcall(l.with, l, function() error { status = 409 } end)
  assert(not ok and err.status == 409)
  l:with(function() l:release() end)
  assert(l:acquire(0))
  l:release()
  return "ok"
end

function api.deadlock.get()
  local l = rover.lock("x")
  l:acquire()
  raises('deadlock: lock "x" is held by this handler already (app.lua:', l.acquire, l)
  raises('deadlock: lock "x" is held by this handler already (app.lua:', l.acquire, l, 0)
  raises('deadlock: lock "x" is held by this handler already (app.lua:', l.with, l, print)
  l:release()
  return "ok"
end

function api.parallel.get()
  local l = rover.lock("p")
  l:acquire()
  raises('deadlock: lock "p" is held by the caller of rover.parallel (app.lua:', rover.parallel, { function() l:acquire() end })
  l:release()
  -- functions of rover.parallel are handlers of their own
  local order = {}
  rover.parallel {
    function() l:acquire() rover.sleep(0) order[#order + 1] = "a" end,
    function() l:with(function() rover.sleep(0) order[#order + 1] = "b" end) end,
  }
  assert(#order == 2)
  assert(l:acquire(0), "a function's end releases")
  l:release()
  return "ok"
end

function api.semaphore.get()
  local s = rover.semaphore("s", 2)
  assert(s:acquire() and s:acquire(0) and not s:acquire(0) and not s:acquire(0.001))
  raises('deadlock: semaphore "s" is held by this handler already (app.lua:', s.acquire, s)
  rover.semaphore("s", 3)
  assert(s:acquire(0) and not s:acquire(0), "the n of the latest call counts")
  rover.semaphore("s", 1)
  s:release() s:release()
  assert(not s:acquire(0))
  s:release()
  raises('semaphore "s" is not held by this handler', s.release, s)
  return "ok"
end

function api.anywhere.get()
  local l = rover.lock("any")
  local n = 0
  local function locked(x) return l:with(function() rover.sleep(0) n = n + 1 return x end) end
  assert(select(2, pcall(locked, 1)) == 1)
  local co = coroutine.wrap(function() l:acquire() coroutine.yield(1) l:release() end)
  co()
  raises("deadlock", l.acquire, l) -- a coroutine is no handler of its own
  co()
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) return locked(a) < locked(b) end)
  assert(table.concat(t) == "123")
  assert(("ab"):gsub(".", function(x) return locked(x:upper()) end) == "AB")
  assert(l:acquire(0))
  return "ok"
end

function api.mistakes.get()
  local l = rover.lock("m")
  raises('lock "m" is not held by this handler', l.release, l)
  raises("bad argument #2 to f (seconds, 0 or more, expected)", l.acquire, l, -1)
  raises("bad argument #2 to f (function expected", l.with, l)
  raises("lock or semaphore expected, got nil (call l:acquire() with a colon)", l.acquire)
  raises("bad argument #2 to f (an integer between 1 and 1000000 expected)", rover.semaphore, "m", 0)
  return "ok"
end

return api
