test("the root says hello, as JSON", function()
  local res = rover.test.get "/"
  expect(res.status):is(200)
  expect(res:json()):equals { message = "hello from Lua" }
end)

test("a name is greeted", function()
  expect(rover.test.get("/hello/a%20b").body):is "hello, a b"
end)

test("what no route matches goes to the next handler", function()
  rover.test.upstream("next", function(req) return "behind: " .. req.path end)
  local res = rover.test.get "/nowhere"
  expect(res.body):is "behind: /nowhere"
  expect(res.upstream):is "next"
end)
