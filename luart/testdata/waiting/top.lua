-- A script that waits while it loads, or whose module does.
if rover.config.context == "module" then
  require "module"
else
  local c = rover.config
  local got = require "places"[c.place](require "calls".waiter(c.call, c.id), c.id)
  assert(got == c.id, got)
end
return rover.server {}
