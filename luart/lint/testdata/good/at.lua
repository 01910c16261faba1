-- paths that api:at names, in every form
local api = rover.server {}
api:at("/users/:id/delete").post = function(ctx) return ctx:param("id") end
local socket = api:at("/ws")
function socket.get(ctx) return ctx:request_id() end
function socket.before.token(ctx) if not ctx:header("x-token") then return api:error(401, "no") end end
function socket.after.brand(ctx, res) res:set_header("X-Brand", ctx.path) end
function socket.rooms.p_room.get(ctx) return ctx:params().room end
api:at("/%3Aliteral").get = function() return "a colon" end
api:at("/{brace").get = function() return "a brace" end
api:at("/100%25").get = function() return "a percent sign" end
api:at("/what%3F").get = function() return "a question mark" end
api:at("/p_x").get = function() return "no parameter" end
api:at("/").get = function() return "home" end
api:at("/").json.get = function() return "/json" end
api:at("/files/*rest").any = function(ctx) return ctx:param("rest") end
local users = api.users
function users.p_id.get(ctx) return ctx:param("id") end
return api
