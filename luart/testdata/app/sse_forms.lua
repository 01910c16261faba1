-- GET /data => 200 data: {"a":[1,2]}\n\ndata: 1\n\ndata: false\n\ndata: null\n\ndata: <b>x</b>\n\ndata: <b>x</b>\n\n
-- GET /headers => 201 retry: 250\n\ndata: y\n\n
-- GET /short => 200 data: y\n\n
-- GET /colon => 200 data: y\n\n
-- GET /stream => 200 y
-- GET /stream/headers => 207 y
-- GET /refused => 200 bad argument #1 to with_headers (status of a response with a body expected, got 204)\nbad argument #2 to with_headers (table expected, got function)\nbad argument #3 to with_headers (function expected, got no value)\nbad argument #4 to with_headers (whole milliseconds from 0 to 86400000 expected, got 0.5)\nbad argument #1 to stream (number expected, got string)
local api = rover.server {}
local function list(...)
  local items, i = { ... }, 0
  return function() i = i + 1 return items[i] end
end
function api.data.get()
  local html = rover.html {} [[<b>x</b>]]
  return api.sse(list({ data = { a = { 1, 2 } } }, { data = 1 }, { data = false }, { data = rover.json.null }, { data = html }, html))
end
function api.after.topic(ctx, res)
  if ctx.path == "/headers" or ctx.path == "/short" then
    if res:header("X-Topic") ~= "y" then error("no header") end
    if res:header("Cache-Control") ~= "no-store" then error("no Cache-Control") end
  end
end
function api.headers.get() return api.sse:with_headers(201, { ["X-Topic"] = "y" }, list("y"), 250) end
function api.short.get() return api.sse:with_headers({ ["X-Topic"] = "y" }, list("y")) end
function api.colon.get() return api:sse(list("y")) end
api:at("/stream").get = function() return api:stream(200, "text/plain", list("y")) end
api:at("/stream/headers").get = function() return api:stream_with_headers(207, "text/plain", { ["X-Topic"] = "y" }, list("y")) end
function api.refused.get()
  local messages = {}
  for i, f in ipairs {
    function() return api.sse:with_headers(204, {}, print) end,
    function() return api.sse:with_headers(200, print) end,
    function() return api.sse:with_headers(200, {}) end,
    function() return api.sse:with_headers(200, {}, print, 0.5) end,
    function() return api:stream("text/plain", print) end,
  } do
    local _, message = pcall(f)
    messages[i] = message:gsub("^[^ ]* ", "")
  end
  return table.concat(messages, "\n")
end
return api
