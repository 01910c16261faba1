-- Scripts of Rover's own server, as its documents write them: builders with a colon, statuses, values.
-- GET /plain => 200 hello | Content-Type: text/plain; charset=utf-8
-- GET /object => 200 {"a":1} | Content-Type: application/json
-- GET /page => 200 <b>x</b> | Content-Type: text/html; charset=utf-8
-- GET /go => 302  | Location: https://h.test/p?x=1
-- GET /gone => 301  | Location: /plain
-- GET /moved => 301  | Location: /plain
-- GET /kept => 308  | Location: /plain
-- GET /bytes => 200 bytes
-- GET /none => 204 
-- GET /err => 418 {"error":"teapot"}
-- GET /status/json => 201 {"id":7}
-- GET /status/text => 202 later
-- GET /status/html => 404 <h1>no</h1>
-- GET /status/raw => 206 part
-- GET /chain => 200 x | X-A: 1 | X-B: 1, 2 | X-C: 
-- GET /value/table => 200 {"ok":true}
-- GET /value/list => 200 [1,2,3]
-- GET /value/text => 200 text
-- GET /value/number => 200 42
-- GET /value/boolean => 200 true
-- GET /value/nothing => 204 
-- GET /value/nested => 200 {"a":{"b":[{"c":1}]}}
local api = rover.server { host = "0.0.0.0", port = 4242, log_level = "info", compress = true }

function api.plain.get(ctx) return api:text("hello") end
function api.object.get(ctx) return api:json({ a = 1 }) end
function api.page.get(ctx) return api:html("<b>x</b>") end
function api.go.get(ctx) return api:redirect("https://h.test/p?x=1") end
function api.gone.get(ctx) return api.redirect:permanent("/plain") end
function api.moved.get(ctx) return api:redirect("/plain", 301) end
function api.kept.get(ctx) return api.redirect:status(308, "/plain") end
function api.bytes.get(ctx) return api:raw("bytes") end
function api.none.get(ctx) return api:no_content() end
function api.err.get(ctx) return api:error(418, "teapot") end

function api.status.json.get(ctx) return api.json:status(201, { id = 7 }) end
function api.status.text.get(ctx) return api.text:status(202, "later") end
function api.status.html.get(ctx) return api.html:status(404, "<h1>no</h1>") end
function api.status.raw.get(ctx) return api.raw:status(206, "part") end

function api.chain.get(ctx)
  return api.text("x"):set_header("X-A", "1"):add_header("X-B", "1"):add_header("X-B", "2"):set_header("X-C", "1"):remove_header("X-C")
end

local values = { table = { ok = true }, list = { 1, 2, 3 }, text = "text", number = 42, boolean = true, nested = { a = { b = { { c = 1 } } } } }
function api.value.p_of.get(ctx) return values[ctx:params().of] end

return api
