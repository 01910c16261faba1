-- GET /set => 200 a=b; Path=/
-- GET /none => 200 a=b
-- GET /host => 200 __Host-a=b; Path=/; Secure
-- GET /long => 200 a=b; Path=/; Max-Age=2147483647
-- GET /gone => 200 a=b; Path=/; Max-Age=0
-- GET /till => 200 a=b; Path=/; Expires=Sun, 29 Nov 2026 12:00:00 GMT
-- GET /refused/1 => 200 browsers drop a cookie with same_site = "none" that is not secure: add secure = true
-- GET /refused/2 => 200 browsers drop a cookie whose name begins with __Secure- and that is not secure: add secure = true
-- GET /refused/3 => 200 browsers drop a cookie whose name begins with __Host- unless it has secure = true, path = "/" and no domain
-- GET /refused/4 => 200 browsers drop a cookie whose name begins with __Host- unless it has secure = true, path = "/" and no domain
-- GET /refused/5 => 200 browsers drop a cookie whose name begins with __Host- unless it has secure = true, path = "/" and no domain
-- GET /refused/6 => 200 cookie field path: a path begins with /, not "sub"
-- GET /refused/7 => 200 cookie field max_age: whole seconds expected, got 1.5
-- GET /refused/8 => 200 cookie field max_age: whole seconds expected, got inf
-- GET /refused/9 => 200 cookie field max_age: whole seconds expected, got nan
-- GET /refused/10 => 200 cookie field expires: seconds since 1970, up to the year 9999, expected, got 1795953600000; divide milliseconds by 1000
-- GET /refused/11 => 200 cookie field expires: seconds since 1970, up to the year 9999, expected, got nan; divide milliseconds by 1000
-- GET /refused/12 => 200 cookie field max_age cannot be a string 60
-- GET /refused/13 => 200 cookie field same_site cannot be a string some
-- GET /refused/14 => 200 a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say
-- GET /refused/15 => 200 a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say
-- GET /built => 200 a=b; Path=/x; HttpOnly
-- GET /line => 200 a=b; Max-Age=5
-- GET /wrong/1 => 200 browsers drop a cookie with same_site = "none" that is not secure: add secure = true
-- GET /wrong/2 => 200 SameSite is Lax, Strict or None
-- GET /wrong/3 => 200 "Prio=high" is no attribute of a cookie
-- GET /wrong/4 => 200 "a" is no Set-Cookie: http: '=' not found in cookie
-- GET /wrong/5 => 200 a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say
-- GET /wrong/6 => 200 a path begins with /: browsers leave out another one
-- GET /quoted => 200 a="b, c"
-- GET /back | Cookie: a="b, c" => 200 "b, c"
local api = rover.server {}
local function cookie(fields)
  fields.name, fields.value = fields.name or "a", fields.value or "b"
  return api.text("x"):set_cookie(fields):header("Set-Cookie")
end
function api.set.get() return cookie {} end
function api.none.get() return cookie { path = "" } end
function api.host.get() return cookie { name = "__Host-a", secure = true } end
function api.long.get() return cookie { max_age = 1e12 } end
function api.gone.get() return cookie { max_age = -5 } end
function api.till.get() return cookie { expires = 1795953600.5 } end
local refused = {
  { same_site = "None" }, { name = "__Secure-a" }, { name = "__host-a" }, { name = "__Host-a", secure = true, path = "/a" },
  { name = "__Host-a", secure = true, domain = "a.test" }, { path = "sub" }, { max_age = 1.5 }, { max_age = math.huge },
  { max_age = 0 / 0 }, { expires = 1795953600000 }, { expires = 0 / 0 }, { max_age = "60" }, { same_site = "some" },
  { value = "a,b" }, { value = "a b" },
}
function api.refused.p_n.get(ctx)
  local _, message = pcall(cookie, refused[tonumber(ctx:param("n"))])
  return (message:gsub("^.- bad argument #1 to set_cookie %((.*)%)$", "%1"))
end
local function taken(c) return api.text("x"):set_cookie(c):header("Set-Cookie") end
function api.built.get() return taken(rover.cookie.set("a", "b"):path("/x"):http_only()) end
function api.line.get() return taken("a=b; Max-Age=5") end
function api.quoted.get() return taken 'a="b, c"' end -- quotes that are written are part of the value
function api.back.get(ctx) return ctx:cookie("a") end
local wrong = { rover.cookie.set("a", "b"):same_site("none"), "a=b; SameSite=Some", "a=b; Prio=high", "a", "a=b, c", "a=b; Path=x" }
function api.wrong.p_n.get(ctx)
  local _, message = pcall(taken, wrong[tonumber(ctx:param("n"))])
  return (message:gsub("^.- bad argument #1 to set_cookie %((.*)%)$", "%1"))
end
return api
