-- Places from which Lua code is called. Each calls wait at least once and returns what it returned, after checking that
-- what is around the call came out right. The names of what is shared end in id.
local places = {}

local function with(event, f) return setmetatable({}, { [event] = f }) end

function places.plain(wait) return wait() end

function places.tail_call(wait)
  local function inner() return wait() end
  return inner()
end

function places.pcall(wait)
  local ok, got = pcall(wait)
  assert(ok, got)
  return got
end

-- The error comes after the wait, and the locals of the frames around it are intact.
function places.pcall_raise(wait)
  local got
  local ok, err = pcall(function() got = wait() error({ "boom" }) end)
  assert(not ok and err[1] == "boom")
  return got
end

function places.xpcall(wait)
  local ok, got = xpcall(wait, function(err) return "handler: " .. tostring(err) end)
  assert(ok, got)
  return got
end

function places.xpcall_handler(wait)
  local ok, got = xpcall(function() error("boom") end, function(err)
    assert(err:find("boom"))
    return wait()
  end)
  assert(not ok)
  return got
end

function places.index(wait) return with("__index", wait).x end
function places.call(wait) return with("__call", wait)() end
function places.add(wait) return with("__add", wait) + 1 end
function places.sub(wait) return 1 - with("__sub", wait) end
function places.unm(wait) return -with("__unm", wait) end
function places.concat(wait) return with("__concat", wait) .. "x" end

function places.newindex(wait)
  local got
  local t = with("__newindex", function(t, k, v) got = wait() rawset(t, k, v) end)
  t.x = 5
  assert(t.x == 5)
  return got
end

local function compare(event, wait, operate)
  local got
  local mt = { [event] = function() got = wait() return true end }
  assert(operate(setmetatable({}, mt), setmetatable({}, mt)))
  return got
end

function places.eq(wait) return compare("__eq", wait, function(a, b) return a == b end) end
function places.lt(wait) return compare("__lt", wait, function(a, b) return a < b end) end
function places.le(wait) return compare("__le", wait, function(a, b) return a <= b end) end

function places.tostring(wait) return tostring(with("__tostring", wait)) end

function places.iterator(wait)
  local got
  local seen = {}
  for i, v in function(_, i)
    got = wait()
    if i < 3 then return i + 1, "v" .. i + 1 end
  end, nil, 0 do
    seen[i] = v
  end
  assert(table.concat(seen) == "v1v2v3")
  return got
end

function places.sort(wait)
  local got
  local t = { 3, 5, 1, 4, 2 }
  table.sort(t, function(a, b) got = wait() return a < b end)
  assert(table.concat(t) == "12345")
  return got
end

function places.gsub(wait)
  local got
  local s, n = string.gsub("abc", "%w", function(c) got = wait() return c:upper() end)
  assert(s == "ABC" and n == 3)
  return got
end

-- A replacement table is asked through its metatable.
function places.gsub_index(wait)
  local got
  assert(string.gsub("abc", "%w", with("__index", function(_, c) got = wait() return c:upper() end)) == "ABC")
  return got
end

function places.re_gsub(wait)
  local got
  local s, n = rover.re.gsub("abc", "[a-c]", function(c) got = wait() return c:upper() end)
  assert(s == "ABC" and n == 3)
  return got
end

function places.load(wait)
  local got
  local pieces = { "return", " 1 ", "+ 2" }
  local f = assert(load(function() got = wait() return table.remove(pieces, 1) end))
  assert(f() == 3)
  return got
end

function places.wrap(wait)
  local f = coroutine.wrap(function(a)
    local b = coroutine.yield(a + 1)
    local got = wait()
    local c = coroutine.yield(b + 1)
    return got, c
  end)
  assert(f(1) == 2)
  assert(f(2) == 3)
  local got, c = f(4)
  assert(c == 4)
  return got
end

function places.resume(wait)
  local co = coroutine.create(function() return wait() end)
  local ok, got = coroutine.resume(co)
  assert(ok, got)
  assert(coroutine.status(co) == "dead")
  return got
end

-- The coroutine of an iterator is as common as it gets.
function places.wrap_iterator(wait)
  local got
  local sum = 0
  for i in coroutine.wrap(function() for i = 1, 3 do got = wait() coroutine.yield(i) end end) do sum = sum + i end
  assert(sum == 6)
  return got
end

function places.coroutine_pcall_coroutine(wait)
  return coroutine.wrap(function()
    local ok, got = pcall(function()
      return coroutine.wrap(function() return wait() end)()
    end)
    assert(ok, got)
    return got
  end)()
end

function places.sort_pcall_coroutine_index(wait)
  local got
  local t = { 2, 1 }
  table.sort(t, function(a, b)
    local ok, err = pcall(coroutine.wrap(function() got = with("__index", wait).x end))
    assert(ok, err)
    return a < b
  end)
  assert(t[1] == 1)
  return got
end

function places.parallel(wait)
  local one, got, three = rover.parallel { function() return 1 end, wait, function() rover.sleep(0) return 3 end }
  assert(one == 1 and three == 3)
  return got
end

function places.fetch(wait, id) return rover.cache("places"):fetch(id, { ttl = 0 }, wait) end

function places.lock(wait, id) return rover.lock("place " .. id):with(wait) end

function places.template(wait) return tostring(rover.html { wait = wait } [[{{ wait() }}]]) end

function places.component(wait)
  function rover.html.waiting(props) return rover.html { got = props.wait() } [[{{ got }}]] end
  return tostring(rover.html { wait = wait } [[{{ waiting { wait = wait } }}]])
end

return places
