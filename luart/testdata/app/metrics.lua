-- GET / => 200 ok
-- GET /wrong => 200 all
local api = rover.server {}
local m = rover.metrics
local orders = m.counter("orders_total", { help = "Orders taken.", labels = { "kind", "paid" } })
local depth = m.gauge("depth")
local took = m.histogram("took_seconds", { buckets = { 0.1, 1 }, labels = { "step" } })

function api.get()
  orders:inc { kind = "gift", paid = true }
  orders:inc(2.5, { paid = false, kind = 7 })
  m.counter("orders_total", { help = "Orders taken.", labels = { "kind", "paid" } }):inc(0, { kind = "gift", paid = true })
  depth:set(3)
  depth:inc()
  depth:dec(2)
  took:observe(0.5, { step = "pack" })
  return "ok"
end

local function refused(want, f, ...)
  local ok, err = pcall(f, ...)
  if ok or not string.find(err, want, 1, true) then error("want " .. want .. ", got " .. tostring(err), 2) end
end

function api.wrong.get()
  refused('a metric name of letters, digits and _ expected, got "a-b"', m.counter, "a-b")
  refused("a metric name", m.gauge, "")
  refused('unknown option "labls": did you mean labels?', m.counter, "a", { labls = { "x" } })
  refused('unknown option "buckets": it is one of a histogram', m.gauge, "a", { buckets = { 1 } })
  refused("help cannot be a table", m.gauge, "a", { help = {} })
  refused("labels cannot be a string", m.gauge, "a", { labels = "x" })
  refused('labels: "vm" is taken', m.gauge, "a", { labels = { "vm" } })
  refused('labels: "x" stands twice', m.gauge, "a", { labels = { "x", "x" } })
  refused("a name of letters, digits and _ expected at 2", m.gauge, "a", { labels = { "x", "__y" } })
  refused("11 labels, the limit is 10", m.gauge, "a", { labels = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" } })
  refused("numbers in ascending order expected, at 2", m.histogram, "a", { buckets = { 1, 1 } })
  refused("1 to 64 expected, got 0", m.histogram, "a", { buckets = {} })
  refused('"depth" is a gauge with labels {} at ', m.counter, "depth")
  refused("it cannot be a counter with labels {kind} here", m.counter, "orders_total", { labels = { "kind" } })
  refused('orders_total has no label "knd": it has {kind, paid}', orders.inc, orders, { knd = "x", paid = true })
  refused("needs a value for each of its labels {kind, paid}", orders.inc, orders, { kind = "x" })
  refused("needs a value for each", orders.inc, orders)
  refused("label kind of orders_total: a string, number or boolean expected, got table", orders.inc, orders, { kind = {}, paid = 1 })
  refused("a counter cannot go down; a gauge can", orders.inc, orders, -1, { kind = "x", paid = 1 })
  refused("a finite number expected", depth.set, depth, 0 / 0)
  refused("a finite number expected", took.observe, took, 1 / 0, { step = "x" })
  refused("number expected", took.observe, took)
  refused("counter expected: call the method with a colon", orders.inc, { kind = "x", paid = 1 })
  refused("histogram expected", took.observe, depth, 1)
  return "all"
end

return api
