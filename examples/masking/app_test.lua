local user = { id = 1, email = "ann@example.com", pay = { card_number = "4111" } }

test("secrets are masked, however deep they are", function()
  rover.test.upstream("next", { json = user })
  local res = rover.test.get "/users/1"
  expect(res:json()):equals { id = 1, email = "***", pay = { card_number = "***" } }
  expect(res.headers["Vary"]):is "X-Token"
end)

test("what is no secret stays as it was written", function()
  rover.test.upstream("next", { body = '{ "id": 12345678901234567890, "email": "x", "none": null }', headers = { ["Content-Type"] = "application/json" } })
  expect(rover.test.get("/users/1").body):is '{ "id": 12345678901234567890, "email": "***", "none": null }'
end)

test("an administrator sees them", function()
  rover.test.upstream("next", { json = user })
  expect(rover.test.get("/users/1", { headers = { ["X-Token"] = "s3cret" } }):json()):equals(user)
end)

test("what cannot be read is not sent", function()
  rover.test.upstream("next", '{"email":"ann@exam')
  local res = rover.test.get "/users/1"
  expect(res.status):is(502)
  expect(res.body:find "ann"):is(nil)
end)

test("what is no JSON is not sent", function()
  rover.test.upstream("next", { body = "<b>ann@example.com</b>", headers = { ["Content-Type"] = "text/html" } })
  local res = rover.test.get "/users/1"
  expect(res.status):is(502)
  expect(res.body:find "ann"):is(nil)
end)
