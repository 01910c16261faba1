local get = rover.test.get

before_each(function()
  rover.test.upstream("next", function(req)
    local text = req.path:find "css$" and "body { margin: 0 }" or '<html><body class="x">Hello</body></html>'
    return { headers = { ["Content-Type"] = req.path:find "css$" and "text/css" or "text/html" }, body = text }
  end)
end)

test("a page gets the banner behind its body tag", function()
  expect(get("/").body):is '<html><body class="x"><p class="banner">Maintenance on Sunday, 2 to 4 am</p>Hello</body></html>'
end)

test("what is no page stays as it is", function()
  expect(get("/style.css").body):is "body { margin: 0 }"
end)
