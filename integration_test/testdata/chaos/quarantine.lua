local api = rover.server {}
for name, f in pairs(require "bad") do api.q[name].post = f end
return api
