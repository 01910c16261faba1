-- Either version of the service. It counts copies.
local api = rover.server {}
local copies = rover.state("copies", { n = 0 })

function api.app.w_rest.any(ctx)
  if ctx:header("X-Copy") then copies.n = copies.n + 1 end
  return rover.config.name .. ": " .. ctx.method .. " " .. ctx:param("rest")
end

function api.copies.get() return copies.n end

return api
