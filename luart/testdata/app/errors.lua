-- GET /refused => 400 {"error":"taken"}
-- GET /shown => 200 taken|<p>taken</p>|409
-- GET /form | Content-Type: x/y => 415 {"error":"request body: \"x/y\" is not a form"}
-- GET /headers => 401 Bearer {"error":"who are you?"}
-- GET /passed => 401 Bearer {"error":"who are you?"}
-- GET /option => 401 Basic {"error":"x"}
-- GET /told => 401 Bearer told who are you? Bearer
-- GET /told/otherwise => 302 nil 
-- GET /bad => 500 nil {"error":"internal error"}
-- GET /bad/framing => 500 nil {"error":"internal error"}
-- GET /own => 200 table: own|nil
-- GET /plain => 500 {"error":"app.lua:52: plain"}
-- GET /value => 403 {"error":"true"}
-- GET /class => 409 {"error":"of a class"}
-- GET /copied => 200 taken
-- GET /metatable => 200 mine
local api = rover.server {}

function api.after.shown(ctx, res)
  if res.status == 401 or ctx.path:find "^/bad" or ctx.path == "/told/otherwise" then
    return api.text(tostring(res:header("WWW-Authenticate")) .. " " .. res:body():text(), res.status)
  end
end

api.on_error = function(err, ctx)
  if ctx.path == "/told" then return "told " .. tostring(err) .. " " .. err.headers["WWW-Authenticate"] end
  if ctx.path == "/told/otherwise" then return api.redirect("/login") end
end

local function caught(e) local _, err = pcall(error, e) return err end
local function unknown() error { status = 401, message = "who are you?", headers = { ["WWW-Authenticate"] = "Bearer" } } end

function api.refused.get() return api:error(400, caught { status = 409, message = "taken" }) end
function api.shown.get()
  local err = caught { status = 409, message = "taken" }
  return tostring(err) .. "|" .. tostring(rover.html { e = err } [[<p>{{ e }}</p>]]) .. "|" .. err.status
end
function api.form.get(ctx) return api:error(415, select(2, pcall(function() return ctx:body():form() end))) end
api.headers.get = unknown
function api.passed.get() return api:error(401, select(2, pcall(unknown))) end
function api.option.get() return api:error(401, "x", { headers = { ["www-authenticate"] = "Basic" } }) end
api.told.get = unknown
api.told.otherwise.get = unknown
function api.bad.get() error { status = 401, message = "x", headers = { ["WWW-Authenticate"] = "a\nb" } } end
function api.bad.framing.get() error { status = 401, message = "x", headers = { ["Content-Length"] = "1" } } end
-- Other tables are as they were.
function api.own.get()
  local err = caught { own = true }
  return tostring(err):match("^table: ") .. "own|" .. tostring(getmetatable(err))
end
-- What a script does with a text is its own affair.
function api.plain.get() return api:error(500, select(2, pcall(function() error("plain") end))) end
function api.value.get() return api:error(403, true) end
local class = setmetatable({}, { __tostring = function() return "of a class" end })
function api.class.get() return api:error(409, class) end
function api.copied.get()
  local cache = rover.cache("errors")
  cache:set("last", caught { status = 409, message = "taken" })
  return cache:get("last").message
end
function api.metatable.get()
  local err = setmetatable(caught { status = 409, message = "taken" }, { __tostring = function() return "mine" end })
  return tostring(err)
end
return api
