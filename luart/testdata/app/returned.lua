-- GET /created => 201 created
-- GET /table => 202 {"a":1}
-- GET /nil => 404 
-- GET /number => 200 404
-- GET /headers => 201 x|text/x|y
-- GET /response => 203 r|b
-- GET /response/again => 200 r|a
-- GET /redirect => 301 /new%20path/%C3%A9?x=%C3%BC&y=a%20b%41
-- GET /colon/redirect => 307 /x
-- GET /text => 201 created
-- GET /text/colon => 201 created
-- GET /json => 202 {"a":1}
-- GET /json/colon => 202 {"a":1}
-- GET /json/number => 200 5
-- GET /html => 404 <p>&lt;</p>
-- GET /html/text => 404 gone
-- GET /raw => 201 bytes|application/octet-stream|1
-- GET /proxy => 200 proxy to [a:80]
-- GET /pass => 200 GET /pass 
-- GET /none => 204 
-- GET /guarded => 403 no
-- GET /guarded/nil => 451 
-- GET /guarded/why => 500 app.lua:83: before guard at /guarded returned a second value: status expected, got string; a call in parentheses gives its first value only
-- GET /after => 503 after|7
-- GET /after/nil => 410 
-- GET /bad/count => 500 app.lua:99: GET /bad/count returned a second value: status between 200 and 599 expected, got 1; a call in parentheses gives its first value only
-- GET /bad/fraction => 500 app.lua:100: GET /bad/fraction returned a second value: status between 200 and 599 expected, got 200.5; a call in parentheses gives its first value only
-- GET /bad/headers => 500 app.lua:101: GET /bad/headers returned headers: header X: value "a\nb" is not allowed
-- GET /bad/framing => 500 app.lua:102: GET /bad/framing returned headers: Content-Length follows from the message and cannot be changed
-- GET /bad/third => 500 app.lua:103: GET /bad/third returned a third value: headers expected, a table, got string; a call in parentheses gives its first value only
-- GET /bad/proxy => 500 app.lua:104: GET /bad/proxy returned a status with what is no answer yet: what answers the request has one
-- GET /on_error => 418 teapot|T
-- GET /args => 200 bad argument #2 to text (status between 200 and 599 expected, got 1; a call in parentheses gives its first value only)\nbad argument #2 to json (status expected, got table; a call in parentheses gives its first value only)\nbad argument #2 to redirect (status between 300 and 399 expected, got 200)\nbad argument #2 to raw (content type expected, got number; the status comes behind it)\nbad argument #3 to text (headers expected, a table, got string)\nbad argument #1 to text (string expected, got nil)\nbad argument #1 to redirect (string expected, got nil)\nbad argument #2 to error (message or error expected, got a table without a message)\nbad argument #1 to status (number expected, got string)\nbad argument #1 to status (number expected, got string)\nbad argument #1 to proxy (upstream address expected, got number)\nbad argument #1 to proxy (upstream address expected, got number)
local api = rover.server {}

-- What a response says beside its body, as text.
local function shown(res, ...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = res:header(name) end
  return table.concat(list, "|")
end

api.on_error = function(err, ctx)
  if err.status == 418 then return err.message .. "|" .. err.headers["x-tea"] end
  return err.message, err.status
end

function api.created.get() return "created", 201 end
function api.table.get() return { a = 1 }, 202 end
api["nil"].get = function() return nil, 404 end
function api.number.get() return 404 end -- rover: ignore status-alone
function api.headers.get() return "x", 201, { ["Content-Type"] = "text/x", ["X-A"] = { "y" } } end
function api.headers.after.shown(ctx, res)
  return res:body():text() .. "|" .. shown(res, "Content-Type", "X-A"), res.status
end
local shared = api.text("r"):set_header("X-A", "a")
function api.response.get() return shared, 203, { ["X-A"] = "b" } end
function api.response.again.get() return shared end
function api.response.after.shown(ctx, res) return res:set_body(res:body():text() .. "|" .. res:header("X-A")) end

local function location(ctx, res) return api.text:status(res.status, res:header("Location")) end
api:at("/redirect").get = function() return api.redirect("/new path/é?x=ü&y=a b%41", 301) end
api:at("/redirect").after.shown = location
function api.colon.redirect.get() return api:redirect("/x", 307) end
function api.colon.after.shown(ctx, res) return location(ctx, res) end

api:at("/text").get = function() return api.text("created", 201) end
api:at("/text/colon").get = function() return api:text("created", 201) end
api:at("/json").get = function() return api.json({ a = 1 }, 202) end
api:at("/json/colon").get = function() return api:json({ a = 1 }, 202) end
api:at("/json/number").get = function() return api.json(5) end
api:at("/html").get = function() return api.html({ x = "<" }, 404) [[<p>{{ x }}</p>]] end
api:at("/html/text").get = function() return api:html("gone", 404) end
api:at("/raw").get = function() return api.raw("bytes", nil, 201, { ["X-A"] = 1 }) end
api:at("/raw").after.shown = function(ctx, res)
  return api.text:status(res.status, res:body():text() .. "|" .. shown(res, "Content-Type", "X-A"))
end
api:at("/proxy").get = function() return api:proxy("a:80") end
api:at("/pass").get = function() return api:pass() end
function api.none.get() return api:no_content() end

-- A guard that means to refuse and says it in another way must not let the request through.
function api.guarded.before.guard(ctx)
  if ctx.path == "/guarded/nil" then return nil, 451 end
  if ctx.path == "/guarded/why" then return nil, "why" end -- rover: ignore bad-argument
  return "no", 403
end
function api.guarded.get() return "in" end
function api.guarded.why.get() return "in" end

function api.after.hook(ctx, res)
  if ctx.path == "/after" then return "after|" .. res:header("X-A"), 503 end
  if ctx.path == "/after/nil" then return nil, 410 end
end
api:at("/after").get = function() return "x", 200, { ["X-A"] = 7 } end
api:at("/after/nil").get = function() return "x" end

local bad = api.bad
function bad.count.get() return ("a-b"):gsub("-", "+") end -- rover: ignore
function bad.fraction.get() return "x", 200.5 end -- rover: ignore bad-argument
function bad.headers.get() return "x", 200, { X = "a\nb" } end
function bad.framing.get() return "x", 200, { ["content-length"] = 1 } end
function bad.third.get() return "x", 200, "y" end
function bad.proxy.get() return api.proxy("a:80"), 200 end
api:at("/on_error").get = function() error { status = 418, message = "teapot", headers = { ["X-Tea"] = "T" } } end

function api.args.get()
  local list = {}
  for i, f in ipairs {
    function() api.text("x", 1) end, -- rover: ignore
    function() api.json(200, { a = 1 }) end, -- rover: ignore
    function() api.redirect("/x", 200) end, -- rover: ignore
    function() api.raw("x", 201) end, -- rover: ignore
    function() api.text("x", 200, "y") end, -- rover: ignore
    function() api.text(nil) end, -- rover: ignore
    function() api:redirect(nil) end, -- rover: ignore
    function() api:error(400, {}) end, -- rover: ignore
    function() api.text:status("x", "y") end, -- rover: ignore
    function() api:text("x") api.text:status("x", "y") end, -- rover: ignore
    function() api.proxy(1) end, -- rover: ignore
    function() api:proxy(1) end, -- rover: ignore
  } do
    local _, message = pcall(f)
    list[i] = message:gsub("^[^ ]* ", "")
  end
  return table.concat(list, "\n")
end
return api
