-- A login in front of a dashboard that has none.
local api = rover.server {}

local sessions = rover.session.new {
  ttl = 1800, max_age = 12 * 3600, -- half an hour without a request, and a day of work at most
  secure = rover.config.secure ~= "no",
}

-- Hashes of passwords, with the parameters that rover.password has by default. The README makes one.
local users = {
  ann = "$argon2id$v=19$m=19456,t=2,p=1$USn/sF62MzSquIekbeOrgw$g7+zaykoL1JPULAGcWFR2d5quk3HdqV6ZU9gAPl5F1E",
  bob = "$argon2id$v=19$m=19456,t=2,p=1$4R0v2K/chmz1UTRcr4t+Nw$XpM1uaiEkff0KcqQE6Q/Kn1g4ZM62hyqeZyZ58WyDUM",
}

-- Of a name that is unknown the hash is nil, which takes as long: the time tells nobody who has an account.
local function is_known(name, password) return (rover.password.verify(password, users[name])) end

local function check_token(s, ctx)
  local ok, why = s:check_csrf(ctx)
  if not ok then error { status = 403, message = why } end
end

-- Nobody can try many passwords, and nobody can fill the store with sessions of the form.
api.login.limit { rate = 10, per = 60 }

function api.login.get(ctx)
  return api.html { token = sessions:start(ctx):csrf() } [[
<form method="post">
<input type="hidden" name="csrf_token" value="{{token}}">
<input name="name"><input name="password" type="password"><button>Log in</button>
</form>]]
end

function api.login.post(ctx)
  local s, form = sessions:start(ctx), ctx:body():form()
  check_token(s, ctx)
  if not is_known(form.name or "", form.password or "") then return api:error(401, "wrong name or password") end
  s:regenerate() -- nobody else knows the id of a session that has logged in
  s:set("user", form.name)
  return api.redirect("/dashboard/", 303)
end

function api.logout.post(ctx)
  local s = sessions:start(ctx)
  check_token(s, ctx)
  s:destroy()
  return api.redirect("/login", 303)
end

-- All of the dashboard is for who has logged in. It learns who that is, and not by which cookie.
function api.dashboard.before.login(ctx)
  local s = sessions:start(ctx)
  local user = s:get("user")
  if not user then return api.redirect("/login", 303) end
  ctx:set_header("X-User", user)
  ctx:set_header("X-CSRF-Token", s:csrf())
  ctx:remove_header("Cookie")
end

function api.before.else_nothing(ctx)
  if ctx.path == "/" then return api.redirect("/dashboard/") end
end

return api
