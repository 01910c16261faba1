-- GET /values => 200 ok
-- GET /copies => 200 ok
-- GET /keys => 200 ok
-- GET /refused => 200 ok
-- GET /incr => 200 ok
-- GET /items => 200 ok
-- GET /bytes => 200 ok
-- GET /fetch => 200 ok
-- GET /nested => 200 ok
-- GET /anywhere => 200 ok
-- GET /mistakes => 200 ok
local api = rover.server {}

local function raises(pattern, f, ...)
  local ok, err = pcall(function(...) f(...) end, ...)
  assert(not ok, "no error, want " .. pattern)
  assert(tostring(err):find(pattern, 1, true), tostring(err) .. " -- want " .. pattern)
end

function api.values.get()
  local c = rover.cache("values")
  c:clear()
  for _, v in ipairs { true, false, 0, -1.5, "", "a\0b\255", math.huge } do
    c:set("k", v)
    assert(c:get("k") == v)
  end
  c:set("k", nil)
  assert(c:get("k") == nil)
  c:set("k", 1) c:delete("k") c:delete("k")
  assert(c:get("k") == nil)
  c:set("k", 1, 0)
  assert(c:get("k") == nil, "a ttl of 0 is no time")
  c:set("k", 1) c:clear()
  assert(c:get("k") == nil)
  assert(rover.cache("values"):get("k") == nil and rover.cache("other values"):get("k") == nil)
  return "ok"
end

function api.copies.get()
  local c = rover.cache("copies")
  local t = { 1, 2, nil, 4, n = { deep = { "x" } }, [2.5] = "half", [true] = "yes", null = rover.json.null, list = rover.json.array {} }
  c:set("t", t)
  t.n.deep[1] = "changed"
  local a, b = c:get("t"), c:get("t")
  assert(a ~= b and a.n ~= b.n and a.n.deep[1] == "x")
  a.n.deep[1] = "mine"
  assert(b.n.deep[1] == "x" and c:get("t").n.deep[1] == "x")
  assert(a[1] == 1 and a[2] == 2 and a[3] == nil and a[4] == 4 and a[2.5] == "half" and a[true] == "yes")
  assert(a.null == rover.json.null and rover.json.encode(a.list) == "[]")
  local shared = {}
  c:set("t", { shared, shared })
  a = c:get("t")
  assert(a[1] ~= a[2], "a table that stands in two places is copied twice")
  return "ok"
end

function api.keys.get()
  local c = rover.cache("keys")
  c:set(1, "number") c:set("1", "string") c:set(1.5, "fraction") c:set("", "empty")
  assert(c:get(1) == "number" and c:get("1") == "string" and c:get(1.5) == "fraction" and c:get("") == "empty")
  raises("bad argument #2 to f (string or number expected, got table)", c.get, c, {})
  raises("the key is NaN", c.set, c, 0 / 0, 1)
  return "ok"
end

function api.refused.get()
  local c = rover.cache("refused", { max_bytes = 2000 })
  c:set("k", "before")
  raises("bad argument #3 to f (a function is no plain data)", c.set, c, "k", print)
  raises("a function is no plain data (at .items[2].run)", c.set, c, "k", { items = { 1, { run = print } } })
  raises('a thread is no plain data (at ["a b"][-1])', c.set, c, "k", { ["a b"] = { [-1] = coroutine.create(print) } })
  raises("a userdata is no plain data (at [1])", c.set, c, "k", { c })
  raises("a table as a key is no plain data", c.set, c, "k", { [{}] = 1 })
  raises("a table with a metatable is no plain data (at .x)", c.set, c, "k", { x = setmetatable({}, {}) })
  local t = {} t.a = { t }
  raises("the table contains itself (at .a[1])", c.set, c, "k", t)
  local deep = {} for i = 1, 64 do deep = { deep } end
  raises("nested deeper than 64 levels", c.set, rover.cache("large"), "k", deep)
  raises("the value is larger than 1727 bytes, the limit", c.set, c, "k", ("x"):rep(2000))
  raises("the value is larger than 0 bytes, the limit", c.set, c, ("k"):rep(2000), 1)
  raises("the function returned cannot be stored: a function is no plain data", c.fetch, c, "new", function() return print end)
  assert(c:get("k") == "before" and c:get("new") == nil)
  local list = {} for i = 1, 63 do list = { list, list } end
  raises("larger than 1727 bytes", c.set, c, "k", list)
  local many = {} for i = 1, 100000 do many[i] = 0 end
  raises("more than 100000 values in it, the limit", c.set, rover.cache("large"), "k", many)
  return "ok"
end

function api.incr.get()
  local c = rover.cache("incr")
  c:delete("n")
  assert(c:incr("n") == 1 and c:incr("n", 5) == 6 and c:incr("n", -0.5) == 5.5 and c:get("n") == 5.5)
  c:set("s", "5")
  raises('cache "incr": the value of "s" is a string, not a number', c.incr, c, "s")
  assert(c:get("s") == "5")
  return "ok"
end

function api.items.get()
  local c = rover.cache("items", { max_items = 3 })
  c:clear()
  local before = c:stats().evictions
  for i = 1, 3 do c:set(i, i) end
  c:get(1)
  c:set(4, 4)
  assert(c:get(1) == 1 and c:get(2) == nil and c:get(3) == 3 and c:get(4) == 4, "the one used longest ago has to go")
  assert(c:stats().items == 3 and c:stats().evictions == before + 1)
  rover.cache("items", { max_items = 1 })
  assert(c:get(4) == 4 and c:get(1) == nil and c:stats().items == 1)
  return "ok"
end

function api.bytes.get()
  local c = rover.cache("bytes", { max_bytes = "2KiB" })
  c:clear()
  assert(c:stats().bytes == 0)
  c:set("a", ("x"):rep(100))
  assert(c:stats().bytes == 240 + 32 + 1 + 32 + 100)
  c:set("a", { 1, "xy", k = true })
  assert(c:stats().bytes == 240 + 32 + 1 + 128 + 32 + 32 + 2 + 32 + 1 + 32)
  c:delete("a")
  assert(c:stats().bytes == 0)
  for i = 1, 100 do c:set(i, ("x"):rep(i)) end
  assert(c:stats().bytes <= 2048 and c:get(100) and not c:get(1))
  rover.cache("bytes", { max_bytes = 500 })
  assert(c:stats().bytes <= 500 and c:stats().items == 1 and c:get(100))
  return "ok"
end

function api.fetch.get()
  local c = rover.cache("fetch")
  c:clear()
  local calls = 0
  local function get() calls = calls + 1 return { n = calls } end
  assert(c:fetch("k", get).n == 1 and c:fetch("k", get).n == 1 and calls == 1)
  assert(c:fetch("k", { ttl = 1 }, get).n == 1)
  c:delete("k")
  assert(c:fetch("k", { ttl = 0 }, get).n == 2 and c:fetch("k", get).n == 3, "a ttl of 0 is not stored")
  assert(c:fetch("other", function() return "v", 0 end) == "v" and c:get("other") == nil)
  assert(c:fetch("false", function() return false end) == false and c:fetch("false", error) == false)

  local none = 0
  local function nothing() none = none + 1 end
  assert(c:fetch("none", nothing) == nil and c:fetch("none", nothing) == nil and none == 2)
  assert(c:fetch("none", { negative = 60 }, nothing) == nil and c:fetch("none", { negative = 60 }, nothing) == nil and none == 3)
  assert(c:incr("none") == 1)

  raises("boom", c.fetch, c, "bad", function() error("boom") end)
  assert(c:fetch("bad", function() return "fine" end) == "fine")
  local ok, err = pcall(c.fetch, c, "bad2", function() error { status = 418 } end)
  assert(not ok and err.status == 418)

  -- a change of the key while fn runs wins
  assert(c:fetch("race", function() c:delete("race") return "old" end) == "old" and c:get("race") == nil)
  assert(c:fetch("race", function() c:set("race", "new") return "old" end) == "old" and c:get("race") == "new")
  assert(c:fetch("race2", function() c:clear() return "old" end) == "old" and c:get("race2") == nil)
  return "ok"
end

function api.nested.get()
  local c, d = rover.cache("nested"), rover.cache("nested too")
  c:clear() d:clear()
  local function v(x) return function() return x end end
  assert(c:fetch("a", function() return c:fetch("b", v(1)) + d:fetch("a", v(2)) end) == 3)
  raises('deadlock: key "x" of cache "nested" is being fetched by this handler already (app.lua:', c.fetch, c, "x", function()
    return c:fetch("x", v(1))
  end)
  raises('deadlock: key 7 of cache "nested" is being fetched by the caller of rover.parallel (app.lua:', c.fetch, c, 7, function()
    return rover.parallel { function() return c:fetch(7, v(1)) end }
  end)
  assert(c:fetch("x", v(5)) == 5 and c:fetch(7, v(6)) == 6)
  return "ok"
end

function api.anywhere.get()
  local c = rover.cache("anywhere")
  c:clear()
  local function slow(x) return function() rover.sleep(0) return x end end
  assert(select(2, pcall(c.fetch, c, "pcall", slow(1))) == 1)
  assert(coroutine.wrap(function() coroutine.yield(c:fetch("coroutine", slow(2))) end)() == 2)
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) return c:fetch(a, slow(a)) < c:fetch(b, slow(b)) end)
  assert(table.concat(t) == "123")
  assert(("ab"):gsub(".", function(x) return c:fetch(x, slow(x:upper())) end) == "AB")
  assert(setmetatable({}, { __index = function(_, k) return c:fetch(k, slow(k)) end }).field == "field")
  return "ok"
end

function api.mistakes.get()
  raises("bad argument #2 to f (unknown option \"max_item\": did you mean max_items?)", rover.cache, "m", { max_item = 1 })
  raises("option 'max_items': an integer between 1 and 10000000 expected, got 0", rover.cache, "m", { max_items = 0 })
  raises("option 'max_bytes': a number of bytes, 1 or more, or a string like \"16MiB\" expected, got lots", rover.cache, "m", { max_bytes = "lots" })
  raises("option 'ttl': seconds, more than 0, expected, got table", rover.cache, "m", { ttl = {} })
  local c = rover.cache("m")
  raises("bad argument #4 to f (seconds, 0 or more, expected)", c.set, c, "k", 1, -1)
  raises("bad argument #3 to f (unknown option \"tll\": did you mean ttl?)", c.fetch, c, "k", { tll = 1 }, print)
  raises("option 'stale': seconds, 0 or more, expected, got -1", c.fetch, c, "k", { stale = -1 }, print)
  raises("bad argument #4 to f (function expected", c.fetch, c, "k", {})
  raises("the function returned a table as ttl", c.fetch, c, "k", function() return 1, {} end)
  raises("cache expected, got string (call c:get(key) with a colon)", c.get, "k")
  return "ok"
end

return api
