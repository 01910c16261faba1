---@meta rover.test

-- Tests of scripts, in files that are called *_test.lua and run by "caddy rover test". The examples test the script of
-- [Testing scripts](../testing.md).

---A test. It fails when fn raises.
---
---Where: in a test file, outside of tests.
---
---```lua
---test("a visit is counted", function()
---  expect(rover.test.post("/visit"):json()):equals { visits = 1 }
---end)
---```
---@class rover.TestFunction
---@overload fun(name: string, fn: fun())
test = {}

---A test that is not run.
---
---```lua
---test.skip("not yet", function() expect(1):is(2) end)
---```
---@param name string
---@param fn? fun()
function test.skip(name, fn) end

---A test that alone is run, with others of its kind in the file.
---
---```lua
---test.only("this one", function() expect(1 + 1):is(2) end)
---```
---@param name string
---@param fn fun()
function test.only(name, fn) end

---Runs fn before each test of the file.
---
---Where: in a test file, outside of tests.
---
---```lua
---before_each(function() rover.test.upstream("next", "from the service") end)
---test("what no route matches is passed on", function()
---  expect(rover.test.get("/else").body):is "from the service"
---end)
---```
---@param fn fun()
function before_each(fn) end

---Says of a value what it must be. about is in the message where it is not.
---
---Where: in a test.
---
---```lua
---test("what there is to expect", function()
---  expect(1 + 1, "the sum"):is(2):is_not(3)
---  expect({ 1, { 2 } }):equals { 1, { 2 } }
---  expect("GET /x"):matches("^GET "):contains("/x")
---  expect({ "a", "b" }):contains("b")
---  expect(function() error("no such thing") end):raises("no such")
---end)
---```
---@param value any
---@param about? any
---@return rover.Expectation
function expect(value, about) end

---What expect returns. Its methods can be chained.
---
---Where: in a test.
---@class rover.Expectation
local Expectation = {}

---Equal by ==.
---
---Errors: it is not.
---
---Example: see `expect`.
---@param want any
---@return rover.Expectation
function Expectation:is(want) end

---Not equal by ==.
---
---Errors: it is.
---
---Example: see `expect`.
---@param other any
---@return rover.Expectation
function Expectation:is_not(other) end

---Equal, tables by what is in them.
---
---Errors: it is not.
---
---Example: see `expect`.
---@param want any
---@return rover.Expectation
function Expectation:equals(want) end

---A string that matches a Lua pattern.
---
---Errors: it does not.
---
---Example: see `expect`.
---@param pattern string
---@return rover.Expectation
function Expectation:matches(pattern) end

---A string with this part, or a list with this item.
---
---Errors: it has none.
---
---Example: see `expect`.
---@param part any
---@return rover.Expectation
function Expectation:contains(part) end

---A function that raises an error, whose message matches a Lua pattern.
---
---Errors: it does not.
---
---Example: see `expect`.
---@param pattern? string
---@return rover.Expectation
function Expectation:raises(pattern) end

---Where: in a test, and in before_each.
rover.test = {}

---Options of a request.
---@class rover.TestRequest
---@field method? string Of rover.test.request
---@field path? string Of rover.test.request
---@field query? table<string, string|number|(string|number)[]> Added to that of the path
---@field headers? table<string, string|number|(string|number)[]>
---@field body? string|(string|number)[] One of body, json and form; a list is sent in pieces, with seconds between them
---@field json? any Sent as JSON
---@field form? table<string, any> Sent URL-encoded
---@field host? string Default: "example.com"
---@field scheme? "http"|"https" Default: "http"
---@field client_ip? string Default: "192.0.2.1"
---@field events? integer How many events of an event stream to read; then the client leaves.
---@field stream? boolean Return when the head is there: see rover.TestStream.
---@field timeout? number Seconds by the test's clock, after which the client leaves.

---Sends a GET request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---```lua
---test("each method", function()
---  expect(rover.test.get("/visit").status):is(404)
---  expect(rover.test.post("/visit", { json = { page = "/" } }).status):is(200)
---  expect(rover.test.put("/visit", { body = "text" }).status):is(404)
---  expect(rover.test.patch("/visit").status):is(404)
---  expect(rover.test.delete("/visit", { headers = { ["X-A"] = "1" } }).status):is(404)
---  expect(rover.test.head("/visit", { client_ip = "192.0.2.9" }).body):is ""
---  expect(rover.test.options("/visit").status):is(404)
---end)
---```
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.get(path, options) end

---Sends a POST request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.post(path, options) end

---Sends a PUT request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.put(path, options) end

---Sends a PATCH request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.patch(path, options) end

---Sends a DELETE request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.delete(path, options) end

---Sends a HEAD request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.head(path, options) end

---Sends an OPTIONS request.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---Example: see `rover.test.get`.
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.options(path, options) end

---Sends a request of any method.
---
---Errors: an unknown option.
---
---Waits: until the response has ended; with stream, for its head.
---
---```lua
---test("a method of no other function", function()
---  expect(rover.test.request({ method = "LINK", path = "/visit" }).status):is(404)
---end)
---```
---@param options rover.TestRequest
---@return rover.TestResponse
function rover.test.request(options) end

---Sends a GET with the headers of a client that asks for a WebSocket.
---
---Waits: until the response has ended.
---
---```lua
---test("a WebSocket goes through", function()
---  rover.test.upstream("next", { status = 101 })
---  expect(rover.test.websocket("/chat").status):is(101)
---end)
---```
---@param path string
---@param options? rover.TestRequest
---@return rover.TestResponse
function rover.test.websocket(path, options) end

---Asks what the script has given to rover.matcher.
---
---Errors: those of the function; no such matcher.
---
---```lua
---test("testers get the beta", function()
---  expect(rover.test.matcher "beta"):is(false)
---  expect(rover.test.matcher("beta", { headers = { Cookie = "beta=yes" } })):is(true)
---end)
---```
---@param name string
---@param request? rover.TestRequest client_ip, headers, host, method, path, query, scheme
---@return boolean
function rover.test.matcher(name, request) end

---Asks what the script has given to rover.policy.
---
---Errors: those of the function; no such policy.
---
---```lua
---test("the least busy is chosen", function()
---  expect(rover.test.policy("least", { { dial = "a:80", requests = 5 }, { dial = "b:80", requests = 1 } })):is "b:80"
---end)
---```
---@param name string
---@param upstreams (string|{ dial: string, requests?: integer, max_requests?: integer, fails?: integer, available?: boolean })[]
---@param request? rover.TestRequest client_ip, headers, host, method, path, query, scheme
---@return string? dial The address of the one chosen; nil for none
function rover.test.policy(name, upstreams, request) end

---Asks what the script has given to rover.tls_permission. It is asked each time.
---
---Errors: those of the function; no such function; text that is no name.
---
---```lua
---test("customers may have a certificate", function()
---  expect(rover.test.tls_permission("customers", "shop.example")):is(true)
---  expect(rover.test.tls_permission("customers", "evil.example")):is(false)
---end)
---```
---@param name string
---@param server_name string That a client asks for
---@return boolean
function rover.test.tls_permission(name, server_name) end

---Asks what the script has given to rover.tls_certificate. It is asked each time.
---
---Errors: those of the function; no such function; text that is no name; a certificate that must not be shown for the name.
---
---```lua
---test("there is no certificate for others", function()
---  expect(rover.test.tls_certificate("vault", "evil.example")):is(nil)
---end)
---```
---@param name string
---@param server_name string That a client asks for
---@return { names: string[], not_after: integer }? certificate nil where the script has none
function rover.test.tls_certificate(name, server_name) end

---Names the script that the file tests, before its tests.
---
---Where: in a test file, outside of tests.
---
---```lua
---rover.test.script("app.lua", { config = { token = "t" }, allow = { "net" }, unmatched = "respond" })
---test("it is that one", function() expect(rover.test.get("/none").status):is(404) end)
---```
---@param path string Relative to the file
---@param options? { config?: table<string, string|number|boolean>, env?: table<string, string|number|boolean>, unmatched?: "pass"|"respond", allow?: string[], geo?: table<string, any> }
function rover.test.script(path, options) end

---Answers for an upstream, or for what rover.http calls. The last one for a name counts. "next" is what the script passes on to.
---
---```lua
---test("a price is asked for", function()
---  rover.test.upstream("prices.internal", function(req) return { json = { path = req.path, euros = 42 } } end)
---  expect(rover.test.get("/price/7"):json()):equals { path = "/7", euros = 42 }
---end)
---```
---@param name string Address or host; * stands for anything
---@param answer string|number|table|fun(request: table): (string|number|table|nil, string?) A string is a body, a number a status, a table JSON, or { status, headers, body, json, error }; nil and a message is an error
function rover.test.upstream(name, answer) end

---Moves the clock, which stands still otherwise.
---
---Waits: until what is due meanwhile has run.
---
---```lua
---test("time passes", function()
---  local start = rover.time.now()
---  rover.test.advance(3600)
---  expect(rover.time.now() - start):is(3600)
---end)
---```
---@param seconds number
function rover.test.advance(seconds) end

---What the script has logged in this test.
---
---```lua
---test("nothing is logged", function()
---  rover.test.post "/visit"
---  expect(rover.test.logs()):equals {}
---end)
---```
---@return { level: string, message: string, fields: table }[]
function rover.test.logs() end

---A rover.state table of the script; nil if there is none.
---
---```lua
---test("visits are kept", function()
---  rover.test.post "/visit"
---  expect(rover.test.state "visits"):equals { n = 1 }
---end)
---```
---@param name string
---@return table? state
function rover.test.state(name) end

---A response.
---
---Where: in a test.
---@class rover.TestResponse
---@field status integer nil if the client left before anything had come
---@field headers table<string, string> First values; found in any case
---@field body string
---@field error string? What handle_errors would answer, or why the response broke off
---@field aborted boolean? true: the client left before it had ended
---@field upstream string? Where the request went last
---@field upstreams string[]? What ctx:upstream was given, of a request that was passed on
local TestResponse = {}

---The body decoded.
---
---Errors: it is no JSON.
---
---```lua
---test("a response has a body and headers", function()
---  local res = rover.test.post "/visit"
---  expect(res:json().visits):is(1)
---  expect(res:header "content-type"):is "application/json"
---  expect(res:all "content-type"):equals { "application/json" }
---end)
---```
---@return any
function TestResponse:json() end

---The first value of a header, found in any case; nil if it is not there.
---
---Example: see `res:json`.
---@param name string
---@return string? value
function TestResponse:header(name) end

---All values of a header.
---
---Example: see `res:json`.
---@param name string
---@return string[]
function TestResponse:all(name) end

---The events of an event stream.
---
---```lua
---test("a client follows the ticker, and leaves", function()
---  local res = rover.test.get("/ticker", { events = 3 })
---  expect(res:events()[3].data):is "3"
---  expect(res.aborted):is(true)
---end)
---```
---@return { event?: string, data: string, id?: string }[]
function TestResponse:events() end

---A response with the option stream: body is what has been read of it.
---
---Where: in a test.
---@class rover.TestStream: rover.TestResponse
local TestStream = {}

---The next event; nil at the end.
---
---Waits: until it is there.
---
---```lua
---test("step by step", function()
---  local s = rover.test.get("/ticker", { stream = true })
---  expect(s:event().data):is "1"
---  expect(#s:events(2)):is(2)
---  expect(s:read()):contains "data: 4"
---  s:close()
---end)
---```
---@return { event?: string, data: string, id?: string }? event
function TestStream:event() end

---The next n events, or all until the end.
---
---Waits: until they are there.
---
---Example: see `stream:event`.
---@param n? integer
---@return { event?: string, data: string, id?: string }[]
function TestStream:events(n) end

---More of the body; nil at the end.
---
---Waits: until it is there.
---
---Example: see `stream:event`.
---@return string? text
function TestStream:read() end

---The client leaves.
---
---Waits: until the handler has ended.
---
---Example: see `stream:event`.
---@return rover.TestStream
function TestStream:close() end
