local api = rover.server {}

-- Patterns are Lua's; rover.re has regular expressions.
function api.version.get()
  local major, minor = rover.re.match("HTTP/1.1", [[^HTTP/(\d)\.(\d)$]])
  return { major = major, minor = minor }
end

function api.date.get()
  return rover.re.named("2024-05-17", [[(?P<year>\d{4})-(?P<month>\d\d)]])
end

function api.mask.get()
  local masked, n = rover.re.gsub("call 555-1234 or 555-9876", [[(\d{3})-\d{4}]], "$1-****")
  return masked .. " (" .. n .. ")"
end

local comma = rover.re.compile([[\s*[,;]\s*]])
function api.list.get() return comma:split("a, b ;c") end

function api.pairs.get()
  local t = {}
  for k, v in rover.re.gmatch("a=1; b=2", [[(\w+)=(\w*)]]) do t[k] = v end
  return t
end

return api
-- GET /version => 200 {"major":"1","minor":"1"}
-- GET /date => 200 {"year":"2024","month":"05"}
-- GET /mask => 200 call 555-**** or 555-**** (2)
-- GET /list => 200 ["a","b","c"]
-- GET /pairs => 200 {"a":"1","b":"2"}
