local get = rover.test.get

local function both(primary, secondary)
  rover.test.upstream("127.0.0.1:8081", primary)
  rover.test.upstream("127.0.0.1:8082", secondary)
end

test("the secondary answers when the primary does not, or too late", function()
  both("from primary", "from secondary")
  expect(get("/page/a").headers["X-Served-By"]):is "primary"
  both(503, "from secondary")
  expect(get("/page/a").body):is "from secondary"
  both(function() rover.sleep(2) return "late" end, "from secondary")
  expect(get("/page/a").headers["X-Served-By"]):is "secondary"
end)

test("what was answered before serves for an hour", function()
  both("old text", 500)
  get "/page/a"
  both(function() return nil, "connection refused" end, 500)
  local res = get "/page/a"
  expect(res.body):is "old text"
  expect(res.headers["Warning"]):contains "Stale"
  rover.test.advance(3601)
  expect(get("/page/a").status):is(502)
  expect(rover.test.logs()[1].fields.service):is "primary"
end)

test("the switch reaches the service that it names", function()
  both(function(req) return req.path end, 500)
  expect(rover.test.post("/switch/primary/off").body):is "/off"
  expect(rover.test.post("/switch/nobody/off").status):is(404)
end)
