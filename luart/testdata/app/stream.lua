-- GET /count => 200 123
-- HEAD /count => 200 
-- GET /empty => 200 
-- GET /blank => 200 ab
-- GET /one => 200 x
-- GET /coroutine => 200 123
-- GET /wait => 200 slept
-- GET /ctx => 200 /ctxGETkept
-- GET /headers => 207 a,b/text/x
-- GET /events => 200 data: a\n\nevent: add\nid: 1\nretry: 5\ndata: b\ndata: c\n\n:\n\nid: \n\n
-- GET /events/retry => 201 retry: 250\n\ndata: 1\n\n
-- GET /events/headers => 200 no-cache|1|no|text/event-stream
-- GET /bad/table => 500 app.lua:71: the producer of api.stream returned a table: a string or nil expected
-- GET /bad/event => 500 app.lua:72: the producer of api.sse returned a boolean: a string, an event or nil expected
-- GET /bad/field => 500 app.lua:73: the producer of api.sse returned an event with a field "evnet": data, event, id and retry expected
-- GET /bad/name => 500 app.lua:74: the producer of api.sse returned an event whose event "a\nb" contains CR, LF or NUL
-- GET /bad/id => 500 app.lua:75: the producer of api.sse returned an event whose id "\x00" contains CR, LF or NUL
-- GET /bad/retry => 500 app.lua:76: the producer of api.sse returned an event whose retry is not whole milliseconds from 0 to 86400000
-- GET /bad/data => 500 app.lua:77: the producer of api.sse returned an event whose data is no plain value: cannot encode a function as JSON (at .f)
-- GET /bad/none => 500 app.lua:78: the producer of api.sse returned an event "x" without data, which no client delivers: give it data = ""
-- GET /raises => 500 app.lua:79: no
-- GET /raises/409 => 409 taken
-- GET /args => 200 bad argument #1 to fn (number expected, got function)\nbad argument #1 to fn (status of a response with a body expected, got 204)\nbad argument #2 to fn (CR, LF and NUL are not allowed in a content type)\nbad argument #3 to fn (function expected, got string)\nbad argument #3 to fn (Content-Length follows from the message and cannot be changed)\nbad argument #1 to fn (function expected, got no value)\nbad argument #2 to fn (whole milliseconds from 0 to 86400000 expected, got 1.5)\nbad argument #2 to fn (status between 200 and 599 expected, got 99)
-- GET /hooked => 200 hooked: x
-- GET /hooked/body => 200 set
-- GET /hooked/read => 500 app.lua:104: res:body() of a stream is not there yet: its producer makes it while it is sent
-- GET /passed => 500 app.lua:98: there is a response already: the request can be passed on before that only
-- GET /fallback => 200 GET /fallback 
-- GET /hooked/gone => 200 replaced
-- GET /hooked/stream => 202 from a hook
-- GET /hooked/plain => 202 from a hook
local api = rover.server {}
local function list(...)
  local items, i = { ... }, 0
  return function() i = i + 1 return items[i] end
end
api.on_error = function(err, ctx)
  if ctx.path == "/fallback" then return ctx:next() end
  return api.text:status(err.status, err.message)
end
function api.count.get() return api.stream(200, "text/plain", list(1, "2", 3)) end
function api.empty.get() return api.stream(200, "text/plain", list()) end
function api.blank.get() return api.stream(200, "text/plain", list("", "a", "", "b", "")) end
function api.one.get() return api.stream(200, "text/plain", list("x")):set_header("X-A", "b") end
function api.coroutine.get()
  return api.stream(200, "text/plain", coroutine.wrap(function()
    for i = 1, 3 do coroutine.yield(i) rover.sleep(0) end
  end))
end
function api.wait.get()
  local first = true
  return api.stream(200, "text/plain", function()
    if first then first = false rover.sleep(0.001) return "slept" end
  end)
end
function api.ctx.get(ctx)
  ctx:set("k", "kept")
  local what = list("path", "method", "k")
  return api.stream(200, "text/plain", function() local k = what() return k and (ctx[k] or ctx:get(k)) end)
end
function api.headers.get()
  local res = api.stream_with_headers(207, "text/x", { ["x-list"] = { "a", "b" } }, list())
  return api.stream(207, "text/plain", list(table.concat(res:headers():all("X-List"), ","), "/", res:header("content-type")))
end
function api.events.get() return api.sse(list("a", { data = "b\r\nc", event = "add", id = 1, retry = 5 }, {}, { id = "" })) end
function api.events.retry.get() return api.sse:status(201, list(1), 250) end
function api.events.headers.get()
  local res = api.sse:with_headers({ ["Cache-Control"] = "no-cache", X = 1 }, list())
  return table.concat({ res:header("Cache-Control"), res:header("X"), res:header("X-Accel-Buffering"), res:header("Content-Type") }, "|")
end
function api.bad.table.get() return api.stream(200, "text/plain", function() return {} end) end
function api.bad.event.get() return api.sse(function() return true end) end
function api.bad.field.get() return api.sse(function() return { evnet = "x" } end) end
function api.bad.name.get() return api.sse(function() return { data = "", event = "a\nb" } end) end
function api.bad.id.get() return api.sse(function() return { data = "", id = "\0" } end) end
function api.bad.retry.get() return api.sse(function() return { retry = -1 } end) end
function api.bad.data.get() return api.sse(function() return { data = { f = print } } end) end
function api.bad.none.get() return api.sse(function() return { event = "x" } end) end
function api.raises.get() return api.stream(200, "text/plain", function() error("no") end) end
api.raises["409"].get = function() return api.sse(function() error { status = 409, message = "taken" } end) end
function api.args.get()
  local f, out = list(), {}
  for _, args in ipairs {
    { api.stream, f }, { api.stream, 204, "a", f }, { api.stream, 200, "a\n", f }, { api.stream, 200, "a", "b" },
    { api.stream_with_headers, 200, "a", { ["content-length"] = 1 }, f },
    { api.sse }, { api.sse, f, 1.5 }, { api.sse.status, api.sse, 99, f },
  } do
    local _, err = pcall(unpack(args))
    out[#out + 1] = err:gsub("^app.lua:%d+: ", ""):gsub("%(anonymous%)", "fn")
  end
  return table.concat(out, "\n")
end
function api.hooked.get() return api.stream(200, "text/plain", list("hooked: ", "x")) end
function api.hooked.gone.get() return api.stream(200, "text/plain", function() error("called") end) end
function api.hooked.stream.get() return api.stream(200, "text/plain", function() error("called") end) end
function api.hooked.body.get() return api.stream(200, "text/plain", function() error("called") end) end
function api.hooked.read.get() return api.stream(200, "text/plain", list("x")) end
function api.passed.get(ctx) return api.stream(200, "text/plain", function() ctx:next() end) end
function api.fallback.get() return api.stream(200, "text/plain", function() error("fallback") end) end
function api.hooked.plain.get() return api.pass() end
function api.hooked.after.x(ctx, res)
  res:set_header("X-Hook", "1")
  if ctx.path == "/hooked/body" then res:set_body("set") end
  if ctx.path == "/hooked/read" then res:body() end
  if ctx.path == "/hooked/gone" then return "replaced" end
  if ctx.path == "/hooked/stream" or ctx.path == "/hooked/plain" then return api.stream(202, "text/plain", list("from ", "a hook")) end
end
return api
