local get, post = rover.test.get, rover.test.post
local copies

before_each(function()
  copies = {}
  rover.test.upstream("127.0.0.1:8081", "stable")
  rover.test.upstream("127.0.0.1:8082", function(req)
    if not req.headers["X-Copy"] then return "canary" end
    table.insert(copies, req.path)
    return ""
  end)
end)

test("the cookie decides", function()
  expect(get("/app/x", { headers = { Cookie = "canary=yes" } }).body):is "canary"
  expect(get("/app/x", { headers = { Cookie = "canary=no; user=dave" } }).body):is "stable"
end)

test("else the user, always the same way, and about as many as configured", function()
  local canary = 0
  for n = 1, 200 do
    local cookie = { headers = { Cookie = "user=u" .. n } }
    local to = get("/app/x", cookie).upstream
    expect(get("/app/x", cookie).upstream):is(to)
    if to == "127.0.0.1:8082" then canary = canary + 1 end
  end
  expect(canary > 20 and canary < 60):is(true)
end)

test("the canary gets copies of what others read, not of what they change", function()
  get "/app/read"
  post "/app/write"
  rover.test.advance(0) -- until the copies have arrived
  expect(copies):equals { "/app/read" }
end)

test("nobody sees the canary fail", function()
  rover.test.upstream("127.0.0.1:8082", function() return nil, "connection refused" end)
  expect(get("/app/x", { headers = { Cookie = "canary=yes" } }).body):is "stable"
  rover.test.upstream("127.0.0.1:8082", function() rover.sleep(3) return "late" end)
  expect(get("/app/x", { headers = { Cookie = "canary=yes" } }).body):is "stable"
end)
