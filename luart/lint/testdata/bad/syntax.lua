local api = rover.server {}
function api.get()
  if 1 != 2 then return "x" end --> syntax
end
return api
