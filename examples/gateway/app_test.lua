local ann, bob = { headers = { ["X-Token"] = "token-of-ann" } }, { headers = { ["X-Token"] = "token-of-bob" } }

before_each(function()
  rover.test.upstream("127.0.0.1:8081", function(req) return "basic, " .. req.headers["X-User"] end)
  rover.test.upstream("127.0.0.1:8082", function(req)
    expect(req.headers["X-Token"]):is(nil) -- the service must not see it
    return "pro, " .. req.headers["X-User"]
  end)
end)

test("nobody gets below /api without a token", function()
  for _, path in ipairs { "/api", "/api/orders", "/api/a/b" } do
    local res = rover.test.get(path, { headers = { ["X-Token"] = "token-of-an" } })
    expect(res.status):is(401)
    expect(res.upstream):is(nil)
  end
end)

test("the tier decides about the service", function()
  expect(rover.test.get("/api/orders", ann).body):is "pro, ann"
  expect(rover.test.get("/api/orders", bob).body):is "basic, bob"
end)

test("the basic service stands in for the other", function()
  rover.test.upstream("127.0.0.1:8082", function() return nil, "connection refused" end)
  expect(rover.test.post("/api/orders", ann).body):is "basic, ann"
end)

test("an error is left to the site, and branded", function()
  local res = rover.test.get "/down"
  expect(res.status):is(502)
  expect(res.headers["X-Served-By"]):is "rover"
end)
