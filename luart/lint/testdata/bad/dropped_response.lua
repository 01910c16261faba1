local api = rover.server {}
function api.get(ctx)
  if not ctx:header("X-Token") then
    api:error(401, "who are you?") --> dropped-response
  end
  api.json({ ok = true }):set_header("X-A", "1") --> dropped-response
end
function api.before.auth(ctx)
  if ctx.path == "/old" then api.redirect:permanent("/new") end --> dropped-response
end
function api.w_rest.any() api.proxy("127.0.0.1:1") end --> dropped-response
function api.page.get()
  api.html({ title = "x" }) [[<%= title %>]] --> dropped-response
  return api.no_content()
end
return api
