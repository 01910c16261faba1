-- One answer made of three services that are asked at once. What a service does not
-- give is left out and named: the answer is partial, not an error.
local api = rover.server {}
local prices = rover.cache("prices", { max_items = 1000, max_bytes = "1MiB" })

local service = {}
for _, name in ipairs { "stock", "price", "reviews" } do
  service[name] = rover.http.create { base_url = "http://" .. rover.config[name], timeout = 1 }
end

-- ask returns what a service says of a product, or nil and why it says nothing.
local function ask(name, id)
  local res, why = service[name]:get("/" .. name .. "/" .. rover.url.encode(id))
  if not res then return nil, why end
  if not res.ok then return nil, "status " .. res.status end
  if res.data == nil then return nil, "no JSON" end
  return res.data
end

-- Prices are kept for 10 seconds, and may be a minute old while the service is asked
-- again, or is down. An error is not kept: the next request asks again.
local function price(id)
  local ok, value = pcall(prices.fetch, prices, id, { ttl = 10, stale = 60 }, function()
    local data, why = ask("price", id)
    return data or error(why, 0)
  end)
  if ok then return value end
  return nil, value
end

local sources = {
  stock = function(id) return ask("stock", id) end,
  price = price,
  reviews = function(id) return ask("reviews", id) end,
}

function api.product.p_id.get(ctx)
  local id, why, calls = ctx:param("id"), {}, {}
  for name, source in pairs(sources) do
    calls[name] = function()
      local data
      data, why[name] = source(id)
      return data
    end
  end
  local answer = rover.parallel(calls) -- by name
  answer.id = id
  if next(why) == nil then return answer end

  ctx:log("partial answer", why)
  answer.missing = rover.json.array {}
  for name in pairs(why) do table.insert(answer.missing, name) end
  table.sort(answer.missing)
  return answer
end

return api
