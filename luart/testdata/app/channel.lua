-- GET /buffered => 200 ok
-- GET /rendezvous => 200 ok
-- GET /closed => 200 ok
-- GET /copies => 200 ok
-- GET /capacity => 200 ok
-- GET /anywhere => 200 ok
-- GET /mistakes => 200 ok
local api = rover.server {}

local function raises(pattern, f, ...)
  local ok, err = pcall(function(...) f(...) end, ...)
  assert(not ok, "no error, want " .. pattern)
  assert(tostring(err):find(pattern, 1, true), tostring(err) .. " -- want " .. pattern)
end

function api.buffered.get()
  local ch = rover.channel("buffered", 2)
  assert(ch:send("a") and ch:send(false, 0) and not ch:send("c", 0) and not ch:send("c", 0.001))
  assert(#ch == 2 and ch:len() == 2)
  assert(ch:recv() == "a" and ch:recv(0) == false)
  local v, why = ch:recv(0)
  assert(v == nil and why == "timeout")
  v, why = ch:recv(0.001)
  assert(v == nil and why == "timeout" and #ch == 0)
  return "ok"
end

function api.rendezvous.get()
  local ch = rover.channel("rendezvous")
  assert(not ch:send(1, 0))
  local got = {}
  rover.parallel {
    function() for i = 1, 5 do assert(ch:send(i)) end ch:close() end,
    function() for v in ch:iter() do got[#got + 1] = v end end,
  }
  assert(table.concat(got) == "12345")
  local _, why = ch:recv()
  assert(why == "closed")
  return "ok"
end

function api.closed.get()
  local ch = rover.channel("closed", 3)
  ch:send(1) ch:send(2)
  ch:close() ch:close()
  raises('channel "closed" is closed', ch.send, ch, 3)
  local sum = 0
  for v in ch:iter() do sum = sum + v end
  assert(sum == 3)
  local v, why = ch:recv()
  assert(v == nil and why == "closed")
  assert(rover.channel("closed", 1):send(1), "the name is free again")
  rover.channel("closed"):close()
  local waiting = rover.channel("closed while waiting")
  rover.parallel {
    function() raises('channel "closed while waiting" is closed', waiting.send, waiting, 1) end,
    function() raises('channel "closed while waiting" is closed', waiting.send, waiting, 2, 60) end,
    function() waiting:close() end,
  }
  return "ok"
end

function api.copies.get()
  local ch = rover.channel("copies", 1)
  local t = { n = { 1 } }
  ch:send(t)
  t.n[1] = 2
  assert(ch:recv().n[1] == 1)
  raises("bad argument #2 to f (a function is no plain data (at .f))", ch.send, ch, { f = print })
  raises("bad argument #2 to f (value other than nil expected, got nil)", ch.send, ch, nil)
  return "ok"
end

function api.capacity.get()
  local ch = rover.channel("capacity", 0)
  assert(not ch:send(1, 0))
  rover.channel("capacity", 2)
  assert(ch:send(1, 0) and ch:send(2, 0) and not ch:send(3, 0))
  rover.channel("capacity", 1)
  assert(ch:recv() == 1 and not ch:send(3, 0) and ch:recv() == 2 and ch:send(3, 0) and ch:recv() == 3)
  return "ok"
end

function api.anywhere.get()
  local ch = rover.channel("anywhere")
  local function echo(x)
    return (select(2, rover.parallel { function() ch:send(x) end, function() return ch:recv() end }))
  end
  assert(select(2, pcall(echo, 1)) == 1)
  assert(coroutine.wrap(function() coroutine.yield(echo(2)) end)() == 2)
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) return echo(a) < echo(b) end)
  assert(table.concat(t) == "123")
  assert(("ab"):gsub(".", function(x) return echo(x:upper()) end) == "AB")
  return "ok"
end

function api.mistakes.get()
  raises("bad argument #2 to f (an integer between 0 and 65536 expected)", rover.channel, "m", 1.5)
  local ch = rover.channel("m")
  raises("bad argument #2 to f (seconds, 0 or more, expected)", ch.recv, ch, -1)
  raises("channel expected, got table (call ch:recv() with a colon)", ch.recv, {})
  return "ok"
end

return api
