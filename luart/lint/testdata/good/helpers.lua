-- helpers whose ctx is not always a request
local api = rover.server {}
local function title(ctx) return ctx.title or ctx:heading() end
local function name(ctx) return ctx.label end
local functions = { name = name }
local function twice(ctx) return ctx.anything end
local page = { title = "x", heading = function() return "y" end }
function api.get(ctx) return title(page) .. functions.name({ label = ctx.path }) end
function api.twice.get(ctx) return twice({ anything = ctx.path }) end
local cache = rover.cache("c")
cache = { put = function() return "x" end }
function api.cache.get() return cache:put("x") end
local rover = { channel = function() return { anything = function() return "x" end } end }
local other = rover.channel("x")
function api.other.get() return other:anything() end
return api
