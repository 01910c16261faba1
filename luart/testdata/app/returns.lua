-- GET /nothing => 204 
-- GET /number => 200 42
-- GET /boolean => 200 false
-- GET /object => 200 {"b":1,"a":[1,2,{"x":null}]}
-- GET /empty => 200 {}
-- GET /array => 200 []
-- GET /json => 201 {"id":1}
-- GET /text => 202 hi
-- GET /html => 200 <b>x</b>
-- GET /raw => 200 bytes
-- GET /error => 404 {"error":"gone"}
-- GET /none => 204 
-- GET /redirect => 302 
-- GET /permanent => 301 
-- GET /see => 303 
-- GET /shared => 200 shared
-- GET /function => 500 {"error":"internal error"}
-- GET /cycle => 500 {"error":"internal error"}
-- GET /thrown => 409 {"error":"taken"}
-- GET /rethrown => 409 {"error":"taken"}
-- GET /coroutine => 409 {"error":"taken"}
-- GET /broken => 500 {"error":"internal error"}
-- GET /proxy => 200 proxy to [a:80 b:80]
-- GET /pass => 200 GET /pass 
-- GET /splitting => 500 {"error":"internal error"}
local api = rover.server {}
function api.nothing.get() end
function api.number.get() return 42 end
function api.boolean.get() return false end
function api.object.get() return { b = 1, a = { 1, 2, { x = rover.json.null } } } end
function api.empty.get() return {} end
function api.array.get() return rover.json.array {} end
local r = {
  text = function() return api.text:status(202, "hi") end,
  html = function() return api.html("<b>x</b>") end,
  raw = function() return api.raw("bytes", "image/x") end,
  none = function() return api.no_content() end,
  redirect = function() return api.redirect("/x") end,
  permanent = function() return api.redirect:permanent("/x") end,
  see = function() return api.redirect:status(303, "/x") end,
}
for name, f in pairs(r) do
  api["via_" .. name].get = f
end
local shared = api.text("shared")
function api.shared.get() return shared end
api["function"].get = function() return print end
function api.cycle.get() local t = {} t.t = t return t end
local function taken() error { status = 409, message = "taken" } end
function api.thrown.get() taken() end
function api.rethrown.get() local _, e = pcall(taken) error(e) end
function api.coroutine.get() coroutine.wrap(taken)() end
function api.broken.get() local x = nil; return x.y end
function api.before.route(ctx)
  if ctx.path == "/error" then return api:error(404, "gone") end
  if ctx.path == "/json" then return api.json:status(201, { id = 1 }) end
  if ctx.path == "/proxy" then return api.proxy { "a:80", "b:80" } end
  if ctx.path == "/pass" then return api.pass() end
  local f = r[ctx.path:sub(2)]
  if f then return f() end
end
function api.splitting.get() return api.text("x"):set_header("X-A", "a\r\nX-B: b") end
return api
