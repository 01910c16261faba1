-- Handlers that no server wants.
local bad = {}

function bad.runaway() while true do end end
function bad.caught() while true do pcall(function() while true do end end) end end

function bad.recursion()
  local function f(n) return 1 + f(n + 1) end
  return f(1)
end

function bad.pattern() return ("a"):rep(100):find(("a?"):rep(100) .. ("a"):rep(100)) end

function bad.hog()
  local t = {}
  for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end
end

function bad.doubling()
  local s = "x"
  for _ = 1, 100 do s = s .. s end
end

-- A function written in Go panics: chaos_callback makes this placeholder.
function bad.callback(ctx) return ctx:var("chaos.callback") end
function bad.callback_caught(ctx)
  local ok, err = pcall(ctx.var, ctx, "chaos.callback")
  assert(not ok, "it did not panic")
  error(err, 0)
end
function bad.callback_sort(ctx)
  table.sort({ 2, 1 }, function() return ctx:var("chaos.callback") end)
end
function bad.callback_coroutine(ctx)
  return coroutine.wrap(function() rover.sleep(0.001) return ctx:var("chaos.callback") end)()
end
function bad.callback_parallel(ctx)
  rover.parallel { function() rover.sleep(1) end, function() return ctx:var("chaos.callback") end }
end

function bad.timeout() rover.sleep(60) end

-- What these take is free again when they have ended.
function bad.lock_runaway()
  rover.lock("left"):acquire()
  while true do end
end
function bad.lock_callback(ctx)
  rover.lock("left"):acquire()
  rover.sleep(0.001)
  return ctx:var("chaos.callback")
end
function bad.fetch_callback(ctx)
  return rover.cache("bad"):fetch("k", function() rover.sleep(0.001) return ctx:var("chaos.callback") end)
end

return bad
