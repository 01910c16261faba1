---@meta rover.api

-- Routes, hooks, and the responses that a script makes.

---A place of the tree: api.users is /users, api.users.p_id is /users/:id, api.files.w_rest is everything below /files.
---Any name is a segment; api["well-known"]["x.json"] writes those that are no names, api:at("/users/:id/delete") any.
---Routes and hooks are given while the script loads.
---
---```lua
---function api.users.p_id.get(ctx) return "user " .. ctx:param("id") end
---function api.files.w_rest.any(ctx) return ctx.method .. " " .. ctx:param("rest") end
---function api.files.before.readonly(ctx)
---  if ctx.method ~= "GET" then return api:error(405, "read only") end
---end
---function api.files.after.brand(ctx, res) res:set_header("X-Served-By", "rover") end
----- GET /users/7 => 200 user 7
----- GET /files/a/b => 200 GET a/b | X-Served-By: rover
----- PUT /files/a => 405 {"error":"read only"}
---```
---@class rover.Node
---@field get fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves GET, and HEAD where there is no head.
---@field post fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves POST.
---@field put fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves PUT.
---@field patch fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves PATCH.
---@field delete fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves DELETE.
---@field head fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves HEAD.
---@field options fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves OPTIONS.
---@field any fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers? Serves every method that has no function of its own here.
---@field before table<string, fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?> Run before everything here and below, routed or not; what one returns is the answer.
---@field after table<string, fun(ctx: rover.Ctx, res: rover.Response): rover.Answer?, integer?, rover.Headers?> Run for every response from here and below.
---@field done table<string, fun(ctx: rover.Ctx, summary: rover.Summary)> Run once for every request to here and below, when it has ended, whatever became of it. Of ctx they may read the head of the request, and what ctx:set has kept. They may wait.
---@field cors fun(options: rover.Cors) Which pages of other sites may read the answers of here and below, decided before any Lua runs: api.public.cors { origin = "*" }.
---@field limit fun(options: rover.Limit) How often requests to here and below may come, decided before any Lua runs: api.login.limit { rate = 5, per = 60 }.
---@field concurrency fun(options: rover.Concurrency) How many requests to here and below may be under way at once, decided before any Lua runs: api.reports.concurrency { max = 4, wait = 10 }.
---@field static fun(options: rover.Static) The files here and below, from a folder (allow fs), sent without the VM: api.assets.static { dir = "public" }. A route wins.
---@field auth fun(options: rover.AuthRule) Who may come to here and below, by a signed token, decided before any Lua runs: api.admin.auth { jwt = keys, roles = "admin" }.
---@field doc fun(routes: table<"get"|"post"|"put"|"patch"|"delete"|"head"|"options"|"any", rover.Doc>) What is said of the routes of exactly this place, for the document of OpenAPI: api.users.doc { post = { summary = "Adds a user" } }. See docs/openapi.md.
---@field expect fun(methods: table<string, rover.Expected>) What requests to exactly this place are to bring, by their methods, decided before any Lua runs: api.orders.expect { post = { body = { item = "string" } } }.
---@field [string] rover.Node

---What a document of OpenAPI says of a route.
---@class rover.Doc
---@field summary? string 1 to 256 bytes. Default: the method and the path
---@field description? string 1 byte to 16 KiB, in Markdown.
---@field tags? string[] Groups that it belongs to; 20 at most.
---@field deprecated? boolean
---@field operation_id? string A name for it in programs. Default: made of the method and the path
---@field responses? table<integer, rover.DocResponse> By status; 50 at most.
---@field hidden? boolean true: it is not in the document.

---@class rover.DocResponse
---@field description? string Default: what the status is called.
---@field schema? any What the body is, as body:expect has it.
---@field example? any A body, as data.

---What a place expects of requests with one method: get, post, put, patch, delete, head, options, or any for those that are not
---named. Who brings something else is answered with 400 and all faults; see docs/validation.md.
---@class rover.Expected
---@field body? rover.Schema Of a JSON body. Without it the body is not looked at.
---@field query? table<string, rover.Schema> Of parameters of the query, read as what is expected: "12" is 12.
---@field params? table<string, rover.Schema> Of p_name and w_name.
---@field headers? table<string, rover.Schema> Of headers, in any case of letters.
---@field extra? "strip"|"keep"|"error" What becomes of members of the body and parameters of the query that are not named, in ctx:expected(): not in it, in it unchecked, or faults. Default: "strip"

---A limit of a place. What comes more often is answered with 429 and Retry-After; see docs/rate-limits.md.
---@class rover.Limit
---@field rate number How many requests in per seconds.
---@field per? number Seconds. Default: 1
---@field burst? integer How many at once, after a pause. Default: rate
---@field key? string|fun(ctx: rover.Ctx): string|number|false|nil Who is counted: "ip" (the default; of an IPv6 address the /64), "header:<name>", "cookie:<name>" or "jwt:<claim>" of the token that a rule auth has checked (and by the address who has none), "route" for all together, or a function, which runs in Lua as a before hook: nil is the address, and false nobody.
---@field cost? integer What one request takes. Default: 1
---@field name? string What it counts under; limits of one name count together. Default: the path
---@field shared? boolean false: each machine counts for itself. Default: true
---@field on_failure? "local"|"closed"|"open" While the store does not answer: each machine counts for itself (the default), nothing is let through (503), or everything is.

---How many requests to a place may be under way at once, until their responses have ended. One for which there is no place is
---answered with 503 and Retry-After; see docs/rate-limits.md.
---@class rover.Concurrency
---@field max integer As many at once, for each key; 1 to 100000.
---@field wait? number Seconds that a request may wait for a place, 0 to 3600; who waits longest is next. Default: 0, it does not
---@field queue? integer As many may wait for a key, 1 to 10000. Default: 100
---@field key? string Who is counted: "route" (the default), all together; "ip" (of an IPv6 address the /64), "header:<name>", "cookie:<name>" or "jwt:<claim>" (and by the address who has none).
---@field name? string What it counts under; rules of one name count together. Default: the path

---A place whose files come from a folder. GET and HEAD of what no route has are answered with it; see docs/files.md.
---@class rover.Static
---@field dir string The folder, from that of the script. It must be there when the script loads, and in one of allow fs.
---@field cache? string Cache-Control of all files. Default: by their names
---@field index? string|false The file of a folder. Default: "index.html"
---@field spa? boolean What is no file is the index of the mount, unless it is named as a script, style or picture. Default: false
---@field hide? string|string[] Patterns of what nobody gets, names or with a slash paths: "*.map". Names with a dot in front are hidden anyway, but for .well-known.
---@field precompressed? boolean For a.js a.js.br, a.js.zst or a.js.gz is sent, if it is there and the client takes it. Default: false

---Which pages of other sites may read the answers of a place and below, in place of what holds above; see docs/cors.md.
---@class rover.Cors
---@field origin? string|string[]|fun(origin: string, ctx: rover.Ctx): boolean?|false "*" for all, an origin, a list of them, or a function that is asked before any hook, and may wait. false, or nothing: no page may.
---@field methods? string|string[] What a page may send. Default: GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD
---@field headers? string|string[] What headers. Default: Content-Type, Authorization
---@field credentials? boolean Also with the user's cookies. Default: false
---@field max_age? integer Seconds that a browser may keep this, 0 to 86400. Default: 600
---@field expose? string|string[] Headers of answers that a page may read, beside the usual ones. Default: none

---What a done hook is told about a request that has ended.
---@class rover.Summary
---@field status integer What the client was sent; 499 where it left before there was an answer; 0 where the connection was cut before. Of an error that handle_errors answers it is the status of the error.
---@field outcome "answered"|"passed"|"proxied"|"failed"|"timeout"|"cancelled" As in the access log and in metrics.
---@field aborted boolean The client has not got the whole response.
---@field bytes_in integer Bytes of the request body that were read; of a tunnel all that the client sent.
---@field bytes_out integer Bytes of the response body; of a tunnel all that the client was sent.
---@field duration number Seconds from the arrival at the directive to the end.
---@field lua_time number Seconds of VM time.
---@field wait_time number Seconds in calls that wait.
---@field queue_time number Seconds until the VM was free.
---@field tries integer How many upstreams were asked; 0: none.
---@field upstream string? The address of the upstream that was asked last.
---@field route string? "GET /users/:id"; nil: only hooks ran.
---@field error string? What a function of the request failed with, whatever on_error made of it.

---What a function may return: a table is answered as JSON, a string, number or boolean as text, nothing as 204. A status and
---headers may follow the value: return value, status, headers; return nil, 404 has no body. Another second or third value is
---an error.
---
---```lua
---function api.users.post() return { id = 7 }, 201, { Location = "/users/7" } end
----- POST /users => 201 {"id":7} | Location: /users/7
---```
---@alias rover.Answer rover.Response|rover.Html|table|string|number|boolean

---What rover.server returns. A script ends with "return api". Hooks of the script's life: api.on_start = f gives one
---its function, api.on_start(f) one more. They may wait, and have the timeout and the burst of a request.
---
---```lua
---local started = 0
---function api.on_start() started = started + 1 end
---function api.on_error(err, ctx) return { oops = err.message, at = ctx.path } end
---function api.broken.get() error { status = 409, message = "taken" } end
---function api.started.get() return started end
----- GET /started => 200 1
----- GET /broken => 409 {"oops":"taken","at":"/broken"}
---```
---@class rover.Api: rover.Node
---@field json rover.builder.json
---@field text rover.builder.text
---@field html rover.builder.html
---@field raw rover.builder.raw
---@field redirect rover.builder.redirect
---@field sse rover.builder.sse
---@field config rover.ServerOptions The options of rover.server, unless the script routes /config. Only readiness.dependencies can be set.
---@field on_check (fun(): boolean?, string?)|fun(f: (fun(): boolean?, string?)) At the end of a load: an error or false refuses the script.
---@field on_reload (fun(old_version: integer, state: table<string, table>))|fun(f: (fun(old_version: integer, state: table<string, table>))) Before this version takes over from an older one.
---@field on_start (fun())|fun(f: (fun())) Before the first request.
---@field on_ready (fun())|fun(f: (fun())) When Caddy serves.
---@field on_stop (fun())|fun(f: (fun())) When this version ends.
---@field on_shutdown (fun())|fun(f: (fun())) Another name of on_stop.
---@field on_error (fun(err: rover.Error, ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?)|fun(f: (fun(err: rover.Error, ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?)) When a function of a request has failed; what it returns is the answer, with the status of the error unless it says another.
local api = {}

---The node of a path: for segments that are no fields of a node (get, delete, before, ws, and json, error, at directly
---on api) and any other. api:at("/users/:id") is api.users.p_id. Handlers, hooks and what is below are given to it as
---to any node.
---
---Errors: a pattern that does not begin with "/", or that another one contradicts.
---
---Where: while the script loads.
---
---```lua
---api:at("/users/:id/delete").post = function(ctx) return "deleted " .. ctx:param("id") end
----- POST /users/7/delete => 200 deleted 7
---```
---@param pattern string As in a URL: "/users/:id/delete", "/files/*rest"; %20 is a space, %3A and %2A are a : and * that begin a segment.
---@return rover.Node
function api:at(pattern) end

---Headers by name: one value, or several of one name.
---@alias rover.Headers table<string, string|number|(string|number)[]>

---What api.on_error gets, and what pcall returns of error { status = 409, message = "taken" }. tostring of it is the message.
---@class rover.Error
---@field message string
---@field status integer
---@field traceback string Of what api.on_error gets.
---@field headers? rover.Headers What is sent along: error { status = 401, message = "x", headers = { … } }. Found in any case of letters.
---@field cause? string Why, for the log alone: error { status = 503, message = "try again later", cause = why }.
---@field errors? table[] All faults that expect or rover.guard has found.

---Answers with {"error": message}. A string is sent as it is, also one that begins with the file and the line.
---
---Errors: a status that is not 200 to 599; an unknown option; handle = true with a status below 400; a table without a message.
---
---```lua
---function api.users.p_id.get(ctx) return api:error(404, "no user " .. ctx:param("id")) end
----- GET /users/7 => 404 {"error":"no user 7"}
---```
---@param status integer 200 to 599
---@param message string|number|boolean|table A text, or what was raised as an error: its message, headers and list of faults
---@param options? { handle?: boolean, headers?: rover.Headers } With handle = true (status 400 to 599) handle_errors answers instead, where the site has it.
---@return rover.Response
function api:error(status, message, options) end

---Answers 204, without a body.
---
---```lua
---function api.item.delete() return api.no_content() end
----- DELETE /item => 204 
---```
---@return rover.Response
function api.no_content() end

---Passes the request on to the next handler of Caddy. What Lua has changed in it goes along.
---
---```lua
---function api.docs.w_page.get(ctx)
---  ctx:rewrite(rover.url.path("/public", ctx:param("page")))
---  return api.pass()
---end
----- GET /docs/intro => 200 GET /public/intro 
---```
---@return rover.Response
function api.pass() end

---Makes a handler that answers requests with one Idempotency-Key once: the first runs it, and those that are the same get
---its answer, with Idempotency-Replayed: true. Those that come meanwhile wait for it. What the handler passes on or hands over is
---answered once, too. See docs/idempotency.md.
---
---Errors: in a hook, in rover.parallel, and inside another handler that it has made.
---
---Waits: for the body of the request, the store, and the first request with the key.
---
---```lua
---local orders = rover.state("orders", { last = 0 })
---api.orders.post = api.idempotent({ ttl = 3600 }, function(ctx)
---  orders.last = orders.last + 1
---  return { id = orders.last }, 201
---end)
----- POST /orders | Idempotency-Key: 8e03 => 201 {"id":1}
----- POST /orders | Idempotency-Key: 8e03 => 201 {"id":1} | Idempotency-Replayed: true
---```
---@param handler fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?
---@return fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?
---@overload fun(options: rover.IdempotentOptions, handler: fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?): fun(ctx: rover.Ctx): rover.Answer?, integer?, rover.Headers?
function api.idempotent(handler) end

---@class rover.IdempotentOptions
---@field header? string The header that has the key. Default: "Idempotency-Key"
---@field ttl? number Seconds for which an answer is kept, 1 to a week. Default: 300
---@field ttl_ms? number The same in milliseconds.
---@field wait? number Seconds that a request waits for the first one with its key, 0 to 60; then it is answered with 409. Default: 10
---@field required? boolean A request without a key is answered with 400. Default: false
---@field key? fun(ctx: rover.Ctx): string|number Says whose keys these are: nobody gets the answer of another caller. Default: the header Authorization
---@field on_failure? "closed"|"open" While the store does not answer: 503 (the default), or the handler runs without protection.

---Hands the request over to an upstream, or to the first of several that can be reached. Lua is done with it then; see
---ctx:proxy for one that returns the response.
---
---Errors: more than 16 upstreams, or none; an address that is none; an unknown option. A path that can be read in two
---ways raises a 400. When no upstream is reached, 502 goes to handle_errors.
---
---```lua
---function api.shop.w_rest.any(ctx)
---  return api.proxy({ "10.0.0.5:80", "10.0.0.6:80" }, { timeout = 5, headers = { ["X-Tier"] = "basic" } })
---end
----- GET /shop/cart => 200 proxy to [10.0.0.5:80 10.0.0.6:80]
---```
---@param to string|string[]|nil "host:port", "https://host", "unix//path", "srv+http://name", or a list of up to 16; nil with the option pick
---@param options? rover.ProxyOptions
---@return rover.Response
function api.proxy(to, options) end

---Answers piece by piece. The producer is called when the client can take more, and what it returns is sent at once. nil
---ends the answer. It may wait. Each call has a burst and a timeout of its own.
---
---Errors: a status without a body (204, 205, 304). When the producer raises, the response is cut so that the client sees it.
---
---```lua
---function api.numbers.get()
---  local n = 0
---  return api.stream(200, "text/csv", function()
---    n = n + 1
---    if n <= 3 then return n .. "\n" end
---  end)
---end
----- GET /numbers => 200 1\n2\n3\n
---```
---@param status integer 200 to 599
---@param content_type string
---@param producer fun(): string?
---@return rover.Response
function api.stream(status, content_type, producer) end

---api.stream with headers.
---
---Errors: those of api.stream; headers that say how a message is framed, such as Content-Length.
---
---```lua
---function api.export.get()
---  local sent = false
---  return api.stream_with_headers(200, "text/csv", { ["X-Rows"] = "1" }, function()
---    if not sent then sent = true; return "a,b\n" end
---  end)
---end
----- GET /export => 200 a,b\n | X-Rows: 1
---```
---@param status integer 200 to 599
---@param content_type string
---@param headers rover.Headers
---@param producer fun(): string?
---@return rover.Response
function api.stream_with_headers(status, content_type, headers, producer) end

---Answers 200 with JSON. A table is an array if it has [1], up to its last index that is not nil, else an object; {} is an
---object, and rover.json.array {} an array.
---
---Errors: a function or another value that JSON has no place for, more than 64 levels, a cycle, more than 16 MiB; a status that
---is not 200 to 599.
---
---```lua
---function api.list.get() return api.json { 1, 2, rover.json.null } end
---function api.users.post() return api.json({ id = 7 }, 201, { Location = "/users/7" }) end
----- GET /list => 200 [1,2,null] | Content-Type: application/json
----- POST /users => 201 {"id":7} | Location: /users/7
---```
---@class rover.builder.json
---@overload fun(value: any, status?: integer, headers?: rover.Headers): rover.Response
local json_builder = {}

---Answers with JSON and a status.
---
---Errors: a status that is not 200 to 599; those of api.json.
---
---```lua
---function api.users.post() return api.json:status(201, { id = 7 }):set_header("Location", "/users/7") end
----- POST /users => 201 {"id":7} | Location: /users/7
---```
---@param status integer 200 to 599
---@param value any
---@return rover.Response
function json_builder:status(status, value) end

---Answers 200 with text/plain.
---
---Errors: a status that is not 200 to 599.
---
---```lua
---function api.get() return api.text("hello") end
---function api.post() return api.text("created", 201) end
----- GET / => 200 hello | Content-Type: text/plain; charset=utf-8
----- POST / => 201 created
---```
---@class rover.builder.text
---@overload fun(text: string|number, status?: integer, headers?: rover.Headers): rover.Response
local text_builder = {}

---Answers with text and a status.
---
---Errors: a status that is not 200 to 599.
---
---```lua
---function api.get() return api.text:status(503, "closed for maintenance"):set_header("Retry-After", 60) end
----- GET / => 503 closed for maintenance | Retry-After: 60
---```
---@param status integer 200 to 599
---@param text string|number
---@return rover.Response
function text_builder:status(status, text) end

---Answers 200 with HTML. With a table it takes a template: api.html(data)[[ <p>{{ name }}</p> ]]; see rover.html.
---
---Errors: those of the template; a status that is not 200 to 599.
---
---```lua
---function api.get() return api.html("<h1>hello</h1>") end
---function api.users.p_name.get(ctx) return api.html { name = ctx:param("name") } [[<h1>{{ name }}</h1>]] end
----- GET / => 200 <h1>hello</h1> | Content-Type: text/html; charset=utf-8
----- GET /users/a%3Cb => 200 <h1>a&lt;b</h1>
---```
---@class rover.builder.html
---@overload fun(text: string|number|rover.Html, status?: integer, headers?: rover.Headers): rover.Response
---@overload fun(data: table, status?: integer, headers?: rover.Headers): fun(template: string): rover.Response
local html_builder = {}

---Answers with HTML and a status.
---
---Errors: a status that is not 200 to 599; those of the template.
---
---```lua
---function api.get() return api.html:status(404, { path = "/x" }) [[<p>no {{ path }}</p>]] end
----- GET / => 404 <p>no /x</p>
---```
---@param status integer 200 to 599
---@param text string|number|rover.Html
---@return rover.Response
---@overload fun(self, status: integer, data: table): fun(template: string): rover.Response
function html_builder:status(status, text) end

---Answers 200 with bytes.
---
---Errors: control characters in the content type; a status that is not 200 to 599.
---
---```lua
---function api.pixel.get() return api.raw("GIF89a", "image/gif") end
----- GET /pixel => 200 GIF89a | Content-Type: image/gif
---```
---@class rover.builder.raw
---@overload fun(bytes: string, content_type?: string, status?: integer, headers?: rover.Headers): rover.Response
local raw_builder = {}

---Answers with bytes and a status.
---
---Errors: a status that is not 200 to 599; control characters in the content type.
---
---```lua
---function api.get() return api.raw:status(202, "taken") end
----- GET / => 202 taken | Content-Type: application/octet-stream
---```
---@param status integer 200 to 599
---@param bytes string
---@param content_type? string Default: application/octet-stream
---@return rover.Response
function raw_builder:status(status, bytes, content_type) end

---Answers 302. Bytes that no URL has are escaped. What is put into a URL must be escaped before, with rover.url.path or
---rover.url.query_encode.
---
---Errors: an empty URL, or one with control characters; a status that is not 300 to 399.
---
---```lua
---function api.old.get() return api.redirect("/new") end
---function api.moved.get() return api.redirect("/new", 308) end
----- GET /old => 302  | Location: /new
----- GET /moved => 308  | Location: /new
---```
---@class rover.builder.redirect
---@overload fun(url: string, status?: integer, headers?: rover.Headers): rover.Response
local redirect_builder = {}

---Answers 301.
---
---Errors: those of api.redirect.
---
---```lua
---function api.old.get() return api.redirect:permanent("https://example.com/") end
----- GET /old => 301  | Location: https://example.com/
---```
---@param url string
---@return rover.Response
function redirect_builder:permanent(url) end

---Answers with a redirect of another status.
---
---Errors: a status that is not 300 to 399; those of api.redirect.
---
---```lua
---function api.form.post() return api.redirect:status(303, "/thanks") end
----- POST /form => 303  | Location: /thanks
---```
---@param status integer 300 to 399
---@param url string
---@return rover.Response
function redirect_builder:status(status, url) end

---Answers 200 with an event stream. The producer returns the data of an event, or a rover.Event; nil ends the stream. It
---may wait. Each call has a burst and a timeout of its own.
---
---Errors: retry_ms that is not a whole number from 0 to 86,400,000. When the producer raises, or returns what is no event,
---the stream is cut.
---
---```lua
---function api.events.get()
---  local events = { "one", { event = "tick", id = 2, data = "two" } }
---  return api.sse(function() return table.remove(events, 1) end, 3000)
---end
----- GET /events => 200 retry: 3000\n\ndata: one\n\nevent: tick\nid: 2\ndata: two\n\n | Content-Type: text/event-stream
---```
---@class rover.builder.sse
---@overload fun(producer: fun(): (string|number|rover.Event)?, retry_ms?: integer): rover.Response
local sse_builder = {}

---Answers with an event stream and a status.
---
---Errors: a status without a body (204, 205, 304); those of api.sse.
---
---```lua
---function api.events.get() return api.sse:status(201, function() return nil end) end
----- GET /events => 201 
---```
---@param status integer 200 to 599
---@param producer fun(): (string|rover.Event)?
---@param retry_ms? integer Milliseconds that clients wait before they come again.
---@return rover.Response
function sse_builder:status(status, producer, retry_ms) end

---Answers with an event stream and headers. A status may stand before the headers.
---
---Errors: headers that say how a message is framed; those of api.sse:status.
---
---```lua
---function api.events.get() return api.sse:with_headers({ ["X-Topic"] = "news" }, function() return nil end) end
---function api.later.get() return api.sse:with_headers(202, { ["X-Topic"] = "news" }, function() return nil end) end
----- GET /events => 200  | X-Topic: news
----- GET /later => 202  | X-Topic: news
---```
---@param headers rover.Headers
---@param producer fun(): (string|rover.Event)?
---@param retry_ms? integer Milliseconds that clients wait before they come again.
---@return rover.Response
---@overload fun(self, status: integer, headers: rover.Headers, producer: (fun(): (string|rover.Event)?), retry_ms?: integer): rover.Response
function sse_builder:with_headers(headers, producer, retry_ms) end

---An event without fields is a comment, which keeps the connection in use.
---@class rover.Event
---@field data? any Text, number or boolean; a table is sent as JSON. Its lines are sent as they are.
---@field event? string Its name. An event with a name has data.
---@field id? string
---@field retry? integer Milliseconds

---Options of api.proxy and ctx:proxy.
---@class rover.ProxyOptions
---@field timeout? number Seconds until the head of the answer; then 504.
---@field tries? integer How many upstreams of the list are taken. Default: all. With pick: how many tries, 16 by default
---@field retry? integer|boolean|rover.Retry How many tries, with the first; the list begins again at its end
---@field breaker? boolean|rover.Breaker Do not ask an upstream for a while that has failed too often; default: false
---@field path? string Replaces the path, and the query if it has one; escaped, as in a URL. Checked as that of ctx:rewrite.
---@field host? string Replaces the Host header.
---@field headers? table<string, string|number|string[]> Replace those of the request.
---@field pick? fun(ctx: rover.Ctx, attempt: integer, last: rover.TryError?): string? The upstream of each try; nil ends them. It may wait.

---How a try to hand a request over ended.
---@class rover.TryError
---@field upstream string Its address.
---@field message string
---@field status? integer Of a response that the Caddyfile has retried; nil if there was none.
