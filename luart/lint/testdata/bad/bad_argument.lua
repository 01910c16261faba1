local api = rover.server {}
function api.get() return api:error("not here") end --> bad-argument
function api.a.get() return api:error(99, "not here") end --> bad-argument
function api.b.get() return api.json(201, {}) end --> bad-argument
function api.c.get() return api.json:status({}, 201) end --> bad-argument
function api.d.get() return api.redirect(301, "/b") end --> bad-argument
function api.e.get() return api.text { "x" } end --> bad-argument
function api.f.get() return api.json() end --> bad-argument
function api.g.get() return api:error(404) end --> bad-argument
function api.m.get() error { status = 302, message = "moved" } end --> bad-argument
function api.h.get() return api:json(201, {}) end --> bad-argument
function api.i.get() return api.text("x", 99) end --> bad-argument
function api.j.get() return api:redirect("/b", 200) end --> bad-argument
function api.k.get() return api.raw("x", "text/x", "201") end --> bad-argument
function api.l.get() return api.text(("x"):gsub("x", "y")) end --> bad-argument
function api.n.get() return "x", 99 end --> bad-argument
function api.o.get() return api.stream(99, "text/plain", function() end) end --> bad-argument
function api.p.get() return api:stream_with_headers(600, "text/plain", {}, function() end) end --> bad-argument
function api.q.get() return api.sse:with_headers(99, {}, function() end) end --> bad-argument
function api.r.get() return api.redirect:status(200, "/b") end --> bad-argument
function api.s.get() return nil, 404 end
function api.after.status(_, res) res.status = 99 end --> bad-argument
function api.t.get() return 404, { error = "x" } end --> bad-argument
function api.u.get() return { ok = true }, "201" end --> bad-argument
function api.v.get(ctx, res) res:set_header("A", "1") return "x" end --> bad-argument
function api.w.get(ctx) ctx:set_header { A = "1" } return api.pass() end --> bad-argument
function api.x.get() return api.proxy(3000) end --> bad-argument
function api.y.get(ctx) return "hello " + ctx.path end --> bad-argument
function api.z.get(ctx) return ctx:body().name end --> unknown-field
return api
