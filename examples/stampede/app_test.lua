local calls

before_each(function()
  calls = 0
  rover.test.upstream("127.0.0.1:8081", function(req)
    calls = calls + 1
    rover.sleep(0.5)
    if req.path == "/report/none" then return 404 end
    return { headers = { ["Cache-Control"] = "max-age=20" }, body = "report " .. calls }
  end)
end)

local function get(id) return rover.test.get("/report/" .. id) end

test("however many ask, the service is asked once", function()
  local many = {}
  for n = 1, 50 do many[n] = function() return get "a" end end
  for _, res in ipairs { rover.parallel(many) } do
    expect(res.body):is "report 1"
    expect(res.headers["X-Cache"]):is "miss"
  end
  expect(calls):is(1)
  rover.test.advance(1)
  expect(get("a").headers["X-Cache"]):is "hit"
end)

test("an old report is served while it is asked for again", function()
  get "a"
  rover.test.advance(21)
  local start = rover.time.now()
  local res = get "a"
  expect(res.body):is "report 1"
  expect(res.headers["X-Cache"]):is "stale"
  expect(rover.time.now() - start):is(0)
  rover.test.advance(0.5)
  expect(get("a").body):is "report 2"
end)

test("that there is none is known for 5 seconds", function()
  expect(get("none").status):is(404)
  expect(get("none").headers["X-Cache"]):is "hit"
  rover.test.advance(5)
  expect(get("none").headers["X-Cache"]):is "miss"
  expect(calls):is(2)
end)

test("an error is not kept", function()
  rover.test.upstream("127.0.0.1:8081", 500)
  expect(get("a").status):is(502)
  rover.test.upstream("127.0.0.1:8081", "better")
  expect(get("a").body):is "better"
end)
