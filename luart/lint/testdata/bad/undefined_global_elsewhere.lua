local api = rover.server {}
function api.get()
  local f = loadfile("/etc/passwd") --> undefined-global
  return f and null --> undefined-global
end
return api
