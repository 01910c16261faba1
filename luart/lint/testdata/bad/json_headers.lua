local api = rover.server {}
function api.get() return api.json { a = 1, headers = { ["X-Frame-Options"] = "DENY" } } end --> json-headers
function api.a.get()
  return api.json:status(201, {
    headers = { Location = "/a/1" }, --> json-headers
  })
end
function api.echo.get(ctx) return api.json { headers = ctx:headers() } end
function api.some.get(ctx) return api.json { headers = { accept = ctx:header("accept") } } end
return api
