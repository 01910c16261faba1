-- builders with a colon and with a dot, with a status and headers
local api = rover.server {}
function api.a.get() return api:json { ok = true } end
function api.b.get() return api:redirect("/b", 301) end
function api.c.get() return api.json(5, 201) end
function api.d.get() return api:text("created", 201, { ["X-A"] = "b" }) end
function api.e.get() return api.raw("x", "text/x", 201) end
function api.f.get() return api:stream(200, "text/plain", function() end) end
function api.g.get() return api:proxy("127.0.0.1:1") end
function api.h.get() return api:html({}, 404) [[x]] end
function api.i.get() return "created", 201, { ["X-A"] = "b" } end
function api.j.get() return (("x"):gsub("x", "y")) end
function api.k.get() return api.text((("x"):gsub("x", "y"))) end
function api.l.get() return ("x"):gsub("x", "y"), 201 end
local function helper(s) return s:gsub("x", "y") end
function api.m.get() local s = helper("x") return s end
function api.before.x() return nil, 404 end
return api
