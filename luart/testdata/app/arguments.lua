-- GET /colon => 200 #1 header, #2 set_header, #1 cookie, #1 text, #2 set_header, #1 rep, #1 get, bad self rep
-- GET /dot => 200 #2 header, #3 set_header, #2 cookie, #3 set_header, #2 rep, #2 get
-- GET /returned => 200 #1 f
local api = rover.server {}
local cache = rover.cache("arguments")

-- Each is called in a way of its own, which is what the numbers go by.
local function numbers(calls)
  local list = {}
  for i, call in ipairs(calls) do
    local _, message = pcall(call)
    local n, f = message:match("^[%w./]+:%d+: bad argument (#%d+) to (%w+_?%w*) %(")
    list[i] = n and n .. " " .. f or message:match("calling '(%w+)' on (bad self)") and message:gsub(".*calling '(%w+)'.*", "bad self %1") or message
  end
  return table.concat(list, ", ")
end

function api.colon.get(ctx)
  local res, text = api.text("x"), "x"
  return numbers {
    function() ctx:header({}) end,
    function() ctx:set_header("X-A", {}) end,
    function() ctx:cookie() end,
    function() error("a.lua:1: bad argument #1 to text (x)", 0) end,
    function() res:set_header("X-A", {}) end,
    function() text:rep({}) end,
    function() cache:get({}) end,
    function() ({ rep = string.rep }):rep(1) end,
  }
end

function api.dot.get(ctx)
  local res, text = api.text("x"), "x"
  local get = cache.get
  return numbers {
    function() ctx.header(ctx, {}) end,
    function() ctx.set_header(ctx, "X-A", {}) end,
    function() ctx.cookie(ctx) end,
    function() res.set_header(res, "X-A", {}) end,
    function() string.rep(text, {}) end,
    function() get(cache, {}) end,
  }
end

-- What a method returns is called with a dot.
function api.returned.get()
  local object = { method = function() return string.rep end }
  local _, message = pcall(function() object:method()({}) end)
  return (message:gsub(".*bad argument (#%d+) to .*", "%1 f"))
end

return api
