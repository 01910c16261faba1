local api = rover.server {}
local function ok() return "ok" end
for _, method in ipairs { "get", "post", "put", "patch", "delete", "options" } do api.all[method] = ok end
function api.all.any() return "never" end --> covered-any
return api
