-- State that all requests share, without locks: a counter, a cache, a leaderboard.
local api = rover.server {}
local counters = rover.state("counters", {})
local cache = rover.state("cache", {})
local best = rover.state("best", {}) -- player → points

function api.count.p_name.post(ctx)
  local name = ctx:param("name")
  counters[name] = (counters[name] or 0) + 1 -- never loses an update
  return { name = name, count = counters[name] }
end

-- A cache whose entries expire; filling one waits, and others are served meanwhile.
local ttl = 60
function api.slow.p_key.get(ctx)
  local key, now = ctx:param("key"), rover.time.monotonic()
  local hit = cache[key]
  if hit and hit.expires > now then
    return api.json({ value = hit.value }):set_header("X-Cache", "hit")
  end
  rover.sleep(0.01) -- stands for slow work
  cache[key] = { value = rover.crypto.sha256(key), expires = now + ttl }
  return api.json({ value = cache[key].value }):set_header("X-Cache", "miss")
end

function api.scores.post(ctx)
  local score = ctx:body():json()
  local player = type(score) == "table" and score.player
  local points = type(score) == "table" and score.points
  if type(player) ~= "string" or #player == 0 or #player > 40 then
    error { status = 400, message = "player: a name of 1 to 40 characters expected" }
  end
  if type(points) ~= "number" or points < 0 then
    error { status = 400, message = "points: a number from 0 expected" }
  end
  if best[player] and best[player] >= points then
    error { status = 409, message = player .. " has " .. best[player] .. " points already" }
  end
  best[player] = points
  return api.json:status(201, { player = player, points = points })
end

function api.leaderboard.get(ctx)
  local top = tonumber(ctx:query().top or 10)
  if not top or top < 1 or top % 1 ~= 0 then
    error { status = 400, message = "top: a whole number from 1 expected" }
  end
  local list = rover.json.array {}
  for player, points in pairs(best) do list[#list + 1] = { player = player, points = points } end
  table.sort(list, function(a, b)
    if a.points ~= b.points then return a.points > b.points end
    return a.player < b.player
  end)
  for i = #list, top + 1, -1 do list[i] = nil end
  return list
end

return api
