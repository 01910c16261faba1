-- GET /query?x=1 => 200 (nothing expected: ctx:query() returns all; one is ctx:query().name)
-- GET /headers => 200 (nothing expected: ctx:headers() returns all; one is ctx:header(name))
-- GET /params => 200 (nothing expected: ctx:params() returns all; one is ctx:param(name))
-- GET /cookies => 200 (nothing expected: ctx:cookies() returns all; one is ctx:cookie(name))
-- GET /body => 200 (nothing expected: ctx:body() returns all; one is ctx:body():json(), or :form())
-- GET /multipart => 200 (nothing expected: ctx:multipart() returns all; one is ctx:multipart():file(name))
-- GET /admin => 500 {"error":"internal error"}

-- Methods of ctx that return all there is take no name. A guard that gives one would have a table, which is always true.
local api = rover.server {}
function api.p_method.get(ctx)
  local _, why = pcall(function() return ctx[ctx:param("method")](ctx, "x") end)
  return why:match("%(.*$")
end
function api.admin.before.guard(ctx)
  if not ctx:query("token") then return api:error(403, "no") end -- rover: ignore surplus-argument
end
function api.admin.get() return "in" end
return api
