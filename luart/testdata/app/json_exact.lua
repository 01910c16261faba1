-- GET /kept => 200 {"cache":12345678901234567890,"channel":12345678901234567890,"same":true}
-- GET /shown => 200 {"tostring":"12345678901234567890","html":"<b>12345678901234567890</b>","header":"12345678901234567890","nearest":true}
-- GET /decoded?id=12345678901234567890 => 200 {"null":true,"id":true}
-- GET /raises => 200 {"decode":"app.lua:26: bad argument #2 to decode (unknown option \"big\": there are null, exact)","add":"app.lua:27: attempt to compute with 12345678901234567890, which a Lua number cannot hold: tonumber(tostring(n)) is the nearest","less":"app.lua:28: attempt to compare userdata with number"}
local api = rover.server {}
local function id() return rover.json.decode('{"id":12345678901234567890}', { exact = true }).id end
function api.kept.get()
  local cache, channel = rover.cache("c"), rover.channel("ch", 1)
  cache:set("k", { id = id() })
  channel:send { id() }
  return { cache = cache:get("k").id, channel = channel:recv()[1], same = cache:get("k").id == id() }
end
function api.shown.get(ctx)
  local res = api.html { id = id() } [[<b>{{ id }}</b>]]
  res:set_header("X-Id", id())
  rover.log.info("exact", { id = id(), deep = { id = id() } })
  return { tostring = tostring(id()), html = "<b>" .. id() .. "</b>", header = res:header("X-Id"), nearest = tonumber(tostring(id())) == 12345678901234567890 }
end
function api.decoded.get(ctx)
  local doc = rover.json.decode('{"name":null,"id":12345678901234567890}', { null = true, exact = true })
  return { null = doc.name == rover.json.null, id = doc.id == rover.json.number(ctx:query().id) }
end
function api.raises.get()
  local function why(f) return select(2, pcall(f)) end
  return {
    decode = why(function() rover.json.decode("1", { big = true }) end), -- rover: ignore unknown-option
    add = why(function() return id() + 1 end),
    less = why(function() return id() < 1 end),
  }
end
return api
