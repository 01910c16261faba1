local api = rover.server {}
for _, name in ipairs { "alpha", "beta" } do _G[name] = name end
function api.get() return alpha .. beta end
return api
