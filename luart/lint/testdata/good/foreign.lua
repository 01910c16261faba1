-- What looks like the mistakes of other languages, and is none.
local api = rover.server {}
function api.a.get() return 404, 200 end
function api.b.get() return "1" + 2 end
function api.c.get(ctx, res) res = api.text("x") res:set_header("A", "1") return res end
function api.after.d(ctx, res) res:set_header("A", "1") end
function api.e.get() return api.proxy "localhost:3000" end
function api.f.post(ctx) return ctx:body():json().name end
return api
