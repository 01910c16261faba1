-- What the example calls: three services, each of them slow.
local api = rover.server {}
local calls = rover.state("calls", { price = 0 })

function api.stock.p_id.get(ctx)
  rover.sleep(0.2)
  if ctx:param("id") == "3" then return api:error(503, "stocktaking") end
  return { left = 5 }
end

function api.price.p_id.get()
  rover.sleep(0.2)
  calls.price = calls.price + 1
  return { euros = 42, calls = calls.price }
end

function api.reviews.p_id.get()
  rover.sleep(0.2)
  return { "good", "as described" }
end

return api
