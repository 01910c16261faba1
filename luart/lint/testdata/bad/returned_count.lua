local api = rover.server {}
function api.get() return ("a-b"):gsub("-", "+") end --> returned-count
function api.before.x(ctx) return string.gsub(ctx.path, "a", "b") end --> returned-count
return api
