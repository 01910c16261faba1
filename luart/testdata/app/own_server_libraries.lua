-- Scripts of Rover's own server, as its documents write them: templates, streams, events, libraries, waiting.
-- GET /template/name => 200 <h1>Hi a&lt;b</h1>
-- GET /template/list => 200 <li>1</li><li>2</li>
-- GET /template/choice => 200 yes
-- GET /template/component => 200 <b>x</b>
-- GET /template/value => 200 {"page":"<i>z</i>","len":8}
-- GET /pieces => 200 one\ntwo\n | Content-Type: text/plain
-- GET /pieces/headers => 200 x | X-Kind: csv
-- GET /events => 200 event: tick\nid: 1\ndata: {"n":1}\n\ndata: plain\n\n | Content-Type: text/event-stream
-- GET /events/headers => 201 retry: 100\n\ndata: y\n\n | X-Topic: t
-- GET /events/status => 201 data: y\n\n
-- GET /json => 200 {"s":"{\"a\":[1,2]}","a":2,"n":true,"err":true}
-- GET /encodings => 200 aGk/ hi? aGk_
-- GET /re => 200 {"m":"42","gsub":"x#y#","split":3}
-- GET /url => 200 {"e":"a%20b%2Fc","d":"a b","q":"1","query":"a=1"}
-- GET /time => 200 {"now":true,"f":"1970-01-01T00:00:00Z","p":86400,"m":true}
-- GET /crypto => 200 {"sha":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","eq":true,"u":36,"r":16}
-- GET /cache => 200 {"a":1,"n":3,"f":"made","again":"made","gone":true}
-- GET /shared => 200 in in a b
-- GET /parallel => 200 1 2
-- GET /timers => 200 spawned after every
local api = rover.server {}

rover.html.bold = function(props) return rover.html(props) [[<b>{{ text }}</b>]] end
function api.template.name.get(ctx) return api.html { name = "a<b" } [[<h1>Hi {{ name }}</h1>]] end
function api.template.list.get(ctx) return api.html { items = { 1, 2 } } [[{{ for _, i in ipairs(items) do }}<li>{{ i }}</li>{{ end }}]] end
function api.template.choice.get(ctx) return api.html { ok = true } [[{{ if ok then }}yes{{ else }}no{{ end }}]] end
function api.template.component.get(ctx) return api.html {} [[{{ bold { text = "x" } }}]] end
function api.template.value.get(ctx)
  local page = rover.html { v = "z" } [[<i>{{ v }}</i>]]
  return { page = page, len = #page }
end

local function list(...)
  local items, i = { ... }, 0
  return function() i = i + 1 return items[i] end
end
function api.pieces.get(ctx) return api:stream(200, "text/plain", list("one\n", "two\n")) end
function api.pieces.headers.get(ctx) return api:stream_with_headers(200, "text/csv", { ["X-Kind"] = "csv" }, list("x")) end
function api.events.get(ctx) return api.sse(list({ event = "tick", id = 1, data = { n = 1 } }, "plain")) end
function api.events.headers.get(ctx) return api.sse:with_headers(201, { ["X-Topic"] = "t" }, list("y"), 100) end
function api.events.status.get(ctx) return api.sse:status(201, list("y")) end

api:at("/json").get = function(ctx)
  local d = rover.json.decode('{"a":[1,2],"n":null}')
  local v, err = rover.json.decode("{")
  return { s = rover.json.encode { a = { 1, 2 } }, a = d.a[2], n = d.n == nil, err = v == nil and err ~= nil }
end
function api.encodings.get(ctx)
  return rover.base64.encode("hi?") .. " " .. rover.base64.decode("aGk/") .. " " .. rover.base64.url_encode("hi?")
end
function api.re.get(ctx)
  local _, n = rover.re.match("id=42", "(id)=(\\d+)")
  return { m = n, gsub = (rover.re.gsub("x1y2", "\\d", "#")), split = #rover.re.split("a,b,c", ",") }
end
function api.url.get(ctx)
  local u = rover.url.parse("https://h.test:8443/p?a=1")
  return { e = rover.url.encode("a b/c"), d = rover.url.decode("a%20b"), q = u.query.a, query = rover.url.query_encode { a = 1 } }
end
function api.time.get(ctx)
  return { now = rover.time.now() > 1e9, f = rover.time.format(0), p = rover.time.parse("1970-01-02T00:00:00Z"), m = rover.time.monotonic() >= 0 }
end
function api.crypto.get(ctx)
  return { sha = rover.crypto.sha256("abc"), eq = rover.crypto.equal("a", "a"), u = #rover.crypto.uuid(), r = #rover.crypto.random(16) }
end

local cache = rover.cache("c", { max_items = 100, ttl = 60 })
function api.cache.get(ctx)
  cache:clear()
  cache:set("a", 1)
  cache:incr("n")
  cache:incr("n", 2)
  local made = cache:fetch("f", { ttl = 5 }, function() return "made" end)
  local again = cache:fetch("f", { ttl = 5 }, function() return "other" end)
  cache:set("z", 1)
  cache:delete("z")
  return { a = cache:get("a"), n = cache:get("n"), f = made, again = again, gone = cache:get("z") == nil }
end

local lock, semaphore, channel = rover.lock("l"), rover.semaphore("s", 2), rover.channel("ch", 4)
local function inside() rover.sleep(0.001) return "in" end
function api.shared.get(ctx)
  channel:send("a")
  channel:send("b")
  return table.concat({ lock:with(inside), semaphore:with(inside), channel:recv(), (channel:recv()) }, " ")
end
function api.parallel.get(ctx)
  local a, b = rover.parallel { function() rover.sleep(0.001) return 1 end, function() return 2 end }
  return a .. " " .. b
end

local done = {}
function api.on_start()
  rover.spawn(function() done[1] = "spawned" end)
  rover.after(0.01, function(premature) if not premature then done[2] = "after" end end)
  local timer
  timer = rover.every(0.01, function()
    done[3] = "every"
    timer:stop()
  end)
end
function api.timers.get(ctx)
  while not (done[1] and done[2] and done[3]) do rover.sleep(0.001) end
  return table.concat(done, " ")
end

return api
