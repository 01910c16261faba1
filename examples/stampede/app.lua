-- A cache in front of a slow service. However many ask for a report that is not there,
-- the service is asked once; an old report is served while it is asked again.
local api = rover.server {}
local slow = rover.http.create { base_url = "http://" .. rover.config.slow, timeout = 5 }
local reports = rover.cache("reports", { max_items = 1000, max_bytes = "16MiB" })

-- How long reports are kept if the service does not say, how long an old one may be
-- served, and how long it is known that there is none.
local keep = { ttl = 10, stale = 60, negative = 5 }

local function ask(id)
  local res, why = slow:get("/report/" .. rover.url.encode(id))
  if not res then error { status = 502, message = "no report: " .. why } end
  if res.status == 404 then return nil end
  if not res.ok then error { status = 502, message = "no report: status " .. res.status } end
  local ttl = tonumber((res.headers["cache-control"] or ""):match("max%-age=(%d+)")) or keep.ttl
  local now = rover.time.monotonic()
  return { text = res.body, type = res.headers["content-type"], made = now, expires = now + ttl }, ttl
end

function api.report.p_id.get(ctx)
  local id, called, start = ctx:param("id"), false, rover.time.monotonic()
  local report = reports:fetch(id, keep, function()
    called = true
    return ask(id)
  end)
  if not report then
    return api:error(404, "no such report"):set_header("X-Cache", called and "miss" or "hit")
  end
  -- Who waited for the call of another request has missed the cache, too.
  local cached = report.made >= start and "miss" or report.expires > start and "hit" or "stale"
  return api.raw(report.text, report.type):set_header("X-Cache", cached)
end

-- How often the service was asked for which report.
function api.calls.get() return api.proxy(rover.config.slow) end

return api
