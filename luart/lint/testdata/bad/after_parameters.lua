local api = rover.server {}
function api.after.a(res) res:set_header("X-A", "1") end --> after-parameters
api.after.b = function(response, ctx) response:set_header("X-A", ctx.path) end --> after-parameters unknown-field
function api.after.c(_, res) res:set_header("X-A", "1") end
function api.after.d(ctx, response) response:set_header("X-A", ctx.path) end
local function brand(res) res:set_header("X-A", "1") end
function api.after.e(_, res) brand(res) end
function api.get() return "x" end
return api
