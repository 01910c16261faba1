local get, post = rover.test.get, rover.test.post

local page = { Accept = "text/html", Host = "localhost:8080" }

test("a program is told to log in, and the service gets nothing", function()
  rover.test.upstream("next", function() return fail("the service was asked") end)
  for _, path in ipairs { "/", "/reports", "/admin", "//admin", "/oauth2/callback/x" } do
    local res = get(path, { headers = { ["X-User"] = "Ann", ["X-Groups"] = "admin" } })
    expect(res.status):is(401)
  end
  expect(post("/logout").status):is(401)
end)

test("an answer that nobody has asked for logs nobody in", function()
  local res = get("/oauth2/callback?code=x&state=y", { headers = page })
  expect(res.status):is(400)
  expect(res.headers["Set-Cookie"]):is(nil)
end)
