local get, post = rover.test.get, rover.test.post

-- cookie is what a browser sends back after a response, or what it has sent before.
local function cookie(res, before)
  local sent = res.headers["Set-Cookie"]
  return sent and sent:match("^[^;]+") or before
end

local function form()
  local res = get "/login"
  return cookie(res), res.body:match('name="csrf_token" value="([^"]+)"')
end

-- login logs somebody in as a browser would, and returns the answer and the cookie.
local function login(name, password, changed)
  local before, token = form()
  local res = post("/login", {
    headers = { Cookie = before, ["Sec-Fetch-Site"] = changed and changed.site },
    form = { name = name, password = password, csrf_token = changed and changed.token or token },
  })
  return res, cookie(res, before), before
end

before_each(function()
  rover.test.upstream("next", function(req) return req.headers["X-User"] .. ", cookie: " .. tostring(req.headers.Cookie) end)
end)

test("who has not logged in sees the login", function()
  for _, path in ipairs { "/dashboard/", "/dashboard", "/dashboard/a/b", "//dashboard/", "/DASHBOARD/" } do
    local res = get(path)
    expect(res.status):is(303)
    expect(res.headers.Location):is("/login")
  end
end)

test("who has sees the dashboard, which learns who it is", function()
  local res, session = login("ann", "horse battery")
  expect(res.status):is(303)
  expect(res.headers.Location):is("/dashboard/")
  res = get("/dashboard/", { headers = { Cookie = session, ["X-User"] = "root" } })
  expect(res.body):is("ann, cookie: nil")
end)

test("a wrong password, and somebody unknown, do not", function()
  for _, who in ipairs { { "ann", "staple" }, { "bob", "horse battery" }, { "eve", "" }, { "", "" } } do
    local res, session = login(who[1], who[2])
    expect(res.status):is(401)
    expect(get("/dashboard/", { headers = { Cookie = session } }).status):is(303)
  end
end)

test("the id that a client had before its login is worth nothing after it", function()
  local _, session, before = login("bob", "staple")
  expect(session ~= before):is(true)
  expect(get("/dashboard/", { headers = { Cookie = before } }).status):is(303)
end)

test("other sites cannot log anybody in or out", function()
  expect(login("ann", "horse battery", { site = "cross-site" }).status):is(403)
  expect(login("ann", "horse battery", { token = "x" }).status):is(403)
  local _, session = login("ann", "horse battery")
  expect(post("/logout", { headers = { Cookie = session } }).status):is(403)
  expect(get("/dashboard/", { headers = { Cookie = session } }).status):is(200)
end)

test("a logout ends the session for all who have its cookie", function()
  local _, session = login("ann", "horse battery")
  local token = get("/login", { headers = { Cookie = session } }).body:match('value="([^"]+)"')
  expect(post("/logout", { headers = { Cookie = session }, form = { csrf_token = token } }).status):is(303)
  expect(get("/dashboard/", { headers = { Cookie = session } }).status):is(303)
end)

test("a session ends by itself", function()
  local _, session = login("ann", "horse battery")
  rover.test.advance(1801)
  expect(get("/dashboard/", { headers = { Cookie = session } }).status):is(303)
end)

test("nobody tries many passwords", function()
  for _ = 1, 5 do expect(login("ann", "guess").status):is(401) end
  expect(get("/login").status):is(429)
end)
