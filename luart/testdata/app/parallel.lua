-- GET /order => 200 a b c
-- GET /names => 200 1 2 nil
-- GET /overlap => 200 bca
-- GET /fails => 500 {"error":"internal error"}
-- GET /status => 409 {"error":"taken"}
-- GET /caught => 200 true app.lua:54: second failed; cleanup app.lua:53: another function of the same rover.parallel failed
-- GET /nested => 200 1 2 3 4
-- GET /empty => 200 0
-- GET /many => 500 {"error":"internal error"}
-- GET /ctx => 200 /ctx /ctx 5
-- GET /places => 200 2 2 2 2 2 2
-- GET /mixed => 200 bad argument #1 to parallel (functions at 1, 2, 3, … or with names expected, not both or with gaps)
-- GET /gap => 200 bad argument #1 to parallel (functions at 1, 2, 3, … or with names expected, not both or with gaps)
-- GET /nofn => 200 bad argument #1 to parallel (table of functions expected, it has a string at x)

local api = rover.server {}
local sleep = rover.sleep

local function value(v, pause)
  return function() sleep(pause or 0) return v end
end

function api.order.get()
  return table.concat({ rover.parallel { value("a", 0.003), value("b"), value("c", 0.001) } }, " ")
end

function api.names.get()
  local t = rover.parallel { one = value(1), two = value(2, 0.001), none = function() end }
  return t.one .. " " .. t.two .. " " .. tostring(t.none)
end

-- a waits for c, which waits for b
local after_b, after_c = rover.channel("after b", 1), rover.channel("after c", 1)
function api.overlap.get()
  local order = {}
  local function note(name, after, before)
    return function()
      if after then after:recv() end
      order[#order + 1] = name
      if before then before:send(true) end
    end
  end
  rover.parallel { note("a", after_c), note("b", nil, after_b), note("c", after_b, after_c) }
  return table.concat(order)
end

function api.fails.get() rover.parallel { value(1, 10), function() error("no") end } end
function api.status.get() rover.parallel { value(1, 10), function() sleep(0) error { status = 409, message = "taken" } end } end

function api.caught.get()
  local cleaned
  local ok, err = pcall(rover.parallel, {
    function() local _, err = pcall(sleep, 10) cleaned = err end,
    function() sleep(0.001) error("second failed") end,
  })
  return tostring(not ok) .. " " .. err .. "; cleanup " .. cleaned
end

function api.nested.get()
  local a, b = rover.parallel {
    function() return table.concat({ rover.parallel { value(1), value(2) } }, " ") end,
    function() return table.concat({ rover.parallel { value(3), value(4) } }, " ") end,
  }
  return a .. " " .. b
end

function api.empty.get() return tostring(select("#", rover.parallel {})) end

function api.many.get()
  local fns = {}
  for i = 1, 257 do fns[i] = value(i) end
  rover.parallel(fns)
end

function api.ctx.get(ctx)
  local a, b = rover.parallel {
    function() sleep(0) ctx:set("n", 2) return ctx.path end,
    function() sleep(0.001) return ctx.path end,
  }
  return a .. " " .. b .. " " .. (ctx:get("n") + 3)
end

-- wherever it is called from
local function both() return select("#", rover.parallel { value(1), value(2) }) end
function api.places.get()
  local out = {}
  local _, n = pcall(both) out[1] = n
  _, n = xpcall(both, print) out[2] = n
  out[3] = coroutine.wrap(both)()
  out[4] = setmetatable({}, { __index = both }).x
  out[5] = ("x"):gsub("x", function() return tostring(both()) end)
  table.sort({ 1, 2 }, function(a, b) out[6] = both() return a < b end)
  return table.concat(out, " ")
end

local function failing(t)
  return (select(2, pcall(function() return rover.parallel(t) end)):gsub("^app.lua:%d+: ", ""))
end
function api.mixed.get() return failing { value(1), x = value(2) } end
function api.gap.get() return failing { value(1), [3] = value(2) } end
function api.nofn.get() return failing { x = "y" } end

return api
