local api = rover.server {}
local function make()
  return function() return secret_of_the_environment end
end
local get = setfenv(make(), { secret_of_the_environment = "x" })
function api.get() return get() end
return api
