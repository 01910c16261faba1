-- Tests of app.lua: caddy rover test. "next" is what stands behind the script in the Caddyfile.
local key = { headers = { ["X-Api-Key"] = "the key" } }

rover.test.script("app.lua", { config = { api_key = "the key" } })

before_each(function()
  rover.test.upstream("next", function(req)
    expect(req.headers["X-Api-Key"]):is(nil) -- it goes no further
    return "the service has " .. req.path
  end)
end)

test("the service answers who has the key", function()
  local res = rover.test.get("/orders/7", key)
  expect(res.status):is(200)
  expect(res.body):is "the service has /orders/7"
end)

test("nobody else gets there", function()
  for _, given in ipairs { "", "the ke", "the key2" } do
    local res = rover.test.get("/orders/7", { headers = { ["X-Api-Key"] = given } })
    expect(res.status, given):is(401)
    expect(res.upstream, given):is(nil)
  end
  expect(rover.test.post("/health").status):is(401)
end)

test("everybody may ask whether it is up", function()
  expect(rover.test.get("/health"):json()):equals { status = "ok" }
end)
