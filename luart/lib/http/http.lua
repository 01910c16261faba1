---@meta rover.http

---Requests to other services (allow net). They end with the request or the task that makes them. What fails on the way gives nil
---and a message, which begins with the step: "timeout: …", "dns: …", "connect: …", "tls: …". X-Request-Id and a valid traceparent
---are carried on.
---
---Waits: until the whole response is there, or, with stream, its head.
rover.http = {}

---Options of a request.
---@class rover.HttpOptions
---@field timeout? number Seconds for all of it; with stream, for the head and each later read. Default: what is left of the request's
---@field timeout_ms? number The same in milliseconds; a request has one of the two
---@field params? table<string, string|number|boolean|string[]> Appended to the query; a list repeats the name
---@field body? string One of body, json and form
---@field json? any Sent as JSON
---@field form? table<string, any> Sent URL-encoded
---@field headers? table<string, string|number|string[]>
---@field redirects? integer How many to follow, default 10; 0: a redirect is the response
---@field max_body? integer Bytes of the response's body, default 10 MiB, at most 1 GiB; with stream: no limit
---@field stream? boolean Return when the head is there.
---@field retry? integer|boolean|rover.Retry How many attempts, with the first; default: one
---@field breaker? boolean|rover.Breaker Do not ask a host for a while that has failed too often; default: false
---@field method? string Of rover.http.request
---@field url? string Of rover.http.request

---Which requests are made again, and when. Of those that may have arrived only idempotent methods, and what has an Idempotency-Key.
---@class rover.Retry
---@field attempts? integer With the first, 1 to 10, default 3
---@field backoff? number The longest wait before the second one in seconds, up to 60, default 0.1; it doubles each time
---@field max_backoff? number The longest wait at all in seconds, up to 60, default 2. A longer Retry-After ends the attempts
---@field jitter? number The part of a wait that is random, 0 to 1, default 1
---@field try_timeout? number Seconds for each attempt; default: none of its own
---@field on? (string|integer)[] Failures: connect, dns, tls, timeout, protocol, and statuses. Default: connect, dns, 502, 503, 504
---@field methods? string[] Made again although they may have arrived, in place of the idempotent ones
---@field budget? number How many retries each request to a host earns it, 0 to 1, default 0.2

---When a host is not asked for a while: at once after failures in a row, or when a share of all has failed.
---@class rover.Breaker
---@field failures? integer In a row within window, 1 to 100, default 5; with ratio: none
---@field ratio? number Share that has failed within window, 0.01 to 1
---@field min? integer How many requests within window ratio needs, default 20
---@field window? number Seconds, 0.01 to 3600, default 10
---@field open? number Seconds until it is tried whether the host is back, 0.01 to 3600, default 5
---@field half_open? integer How many requests try it at once, 1 to 100, default 1
---@field on? (string|integer)[] Failures. Default: connect, dns, tls, timeout, protocol, 502, 503, 504
---@field name? string What shares the breaker; default: the host and port

---Sends a GET request.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---```lua
---local res, err = rover.http.get(rover.config.upstream .. "/items", { params = { page = 2 }, timeout = 5 })
---err --> nil
---res.status --> 200
---res.ok --> true
---res.data.uri --> "/items?page=2"
---res.headers["content-type"] --> "application/json"
---```
---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.get(url, options) end

---Sends a DELETE request.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---```lua
---rover.http.delete(rover.config.upstream .. "/items/7").data.method --> "DELETE"
---rover.http.options(rover.config.upstream).data.method --> "OPTIONS"
---rover.http.head(rover.config.upstream).body --> ""
---```
---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.delete(url, options) end

---Sends a HEAD request.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---Example: see `rover.http.delete`.
---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.head(url, options) end

---Sends an OPTIONS request.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---Example: see `rover.http.delete`.
---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.options(url, options) end

---Sends a POST request. A table that comes last is the options, body and all; with all three arguments the second one is sent as
---JSON if it is a table.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---```lua
---local base = rover.config.upstream
---rover.http.post(base, { json = { id = 7 } }).data.body --> "{\"id\":7}"
---rover.http.put(base, { form = { q = "a b" } }).data.body --> "q=a+b"
---rover.http.patch(base, "raw bytes").data.body --> "raw bytes"
---rover.http.post(base, { id = 7 }, { timeout = 5 }).data.body --> "{\"id\":7}"
---```
---@param url string
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.post(url, body, options) end

---Sends a PUT request. The arguments are those of `rover.http.post`.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---Example: see `rover.http.post`.
---@param url string
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.put(url, body, options) end

---Sends a PATCH request. The arguments are those of `rover.http.post`.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---Example: see `rover.http.post`.
---@param url string
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.patch(url, body, options) end

---Sends a request of any method but CONNECT.
---
---Errors: without "allow net"; a URL that is none, or that leads out of base_url; an unknown or a bad option. A URL that can be
---read in two ways raises a 400. The client has left, or the timeout of the request is over.
---
---```lua
---rover.http.request({ method = "LINK", url = rover.config.upstream .. "/a" }).data.method --> "LINK"
---```
---@param options rover.HttpOptions With url, and method unless it is GET
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function rover.http.request(options) end

---A client with defaults of its own. Its URLs are what comes behind base_url, and never another host. Clients with the same TLS
---options share connections.
---
---Errors: an unknown or a bad option; more than 64 different TLS settings.
---
---Waits: no
---
---```lua
---local shop = rover.http.create { base_url = rover.config.upstream .. "/v1", timeout = 2, headers = { ["X-Key"] = "k" } }
---shop:get("/items").data.uri --> "/v1/items"
---shop:delete("/items/7").data.method --> "DELETE"
---shop:head("/items").status --> 200
---shop:options("/items").data.method --> "OPTIONS"
---shop:post("/items", { json = { id = 7 } }).data.body --> "{\"id\":7}"
---shop:put("/items/7", "text").data.body --> "text"
---shop:patch("/items/7", "text").data.method --> "PATCH"
---shop:request({ url = "/items" }).data.method --> "GET"
---```
---@param options { base_url?: string, baseURL?: string, headers?: table, retry?: integer|boolean|rover.Retry, breaker?: boolean|rover.Breaker, timeout?: number, timeout_ms?: number, redirects?: integer, max_body?: integer, ca?: string, cert?: string, key?: string, insecure?: boolean } As of a request; baseURL: base_url; ca: PEM of authorities to trust instead of the system's; cert, key: PEM of the client's own certificate; insecure: trust whoever answers
---@return rover.HttpClient
function rover.http.create(options) end

---A client, which rover.http.create returns.
---
---Waits: until the whole response is there, or, with stream, its head.
---@class rover.HttpClient
local HttpClient = {}

---rover.http.get with the defaults of the client.
---
---Errors: as rover.http.get.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:get(url, options) end

---rover.http.delete with the defaults of the client.
---
---Errors: as rover.http.delete.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:delete(url, options) end

---rover.http.head with the defaults of the client.
---
---Errors: as rover.http.head.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:head(url, options) end

---rover.http.options with the defaults of the client.
---
---Errors: as rover.http.options.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:options(url, options) end

---rover.http.post with the defaults of the client.
---
---Errors: as rover.http.post.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:post(url, body, options) end

---rover.http.put with the defaults of the client.
---
---Errors: as rover.http.put.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:put(url, body, options) end

---rover.http.patch with the defaults of the client.
---
---Errors: as rover.http.patch.
---
---Example: see `rover.http.create`.
---@param url string Behind base_url
---@param body? string|table The bytes; a table: the rover.HttpOptions, or what to send as JSON where options follow
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:patch(url, body, options) end

---rover.http.request with the defaults of the client.
---
---Errors: as rover.http.request.
---
---Example: see `rover.http.create`.
---@param options rover.HttpOptions With url, and method unless it is GET
---@return rover.HttpResponse? response nil when there is none
---@return string? message Why there is none: "timeout: …", "dns: …"
---@return integer? seconds Until a host whose breaker is open may be asked again
function HttpClient:request(options) end

---A response, which may be kept. One with stream ends with the request that opened it.
---@class rover.HttpResponse
---@field status integer
---@field ok boolean 200 to 299
---@field headers rover.Values
---@field body string Raises for a stream.
---@field data any The body decoded, if its content type is JSON, nil if that fails; else the body as text
---@field url string Of the last request, after redirects
local HttpResponse = {}

---The body decoded, whatever its content type says.
---
---Errors: a stream.
---
---```lua
---rover.http.get(rover.config.upstream .. "/x"):json().uri --> "/x"
---rover.http.get(rover.config.upstream .. "/export"):json() --> nil, "invalid JSON at byte 3: expected end of input, got '2'"
---```
---@param options? rover.JsonOptions
---@return any value nil if it is no JSON
---@return string? message Why there is none
function HttpResponse:json(options) end

---An iterator over the lines, without their end.
---
---Errors: a longer line; a body that breaks off; it is closed.
---
---Waits: in each step, of a stream.
---
---```lua
---local sum = 0
---local res = rover.http.get(rover.config.upstream .. "/export", { stream = true })
---for line in res:lines() do sum = sum + line end
---sum --> 6
---```
---@param max? integer Bytes of a line, up to 16 MiB, default 1 MiB
---@return fun(): string?
function HttpResponse:lines(max) end

---An iterator over pieces, as they come.
---
---Errors: a body that breaks off; it is closed.
---
---Waits: in each step, of a stream.
---
---```lua
---local bytes = 0
---local res = rover.http.get(rover.config.upstream .. "/export", { stream = true })
---for chunk in res:chunks() do bytes = bytes + #chunk end
---bytes --> 6
---```
---@param size? integer Bytes at most, up to 16 MiB, default 64 KiB
---@return fun(): string?
function HttpResponse:chunks(size) end

---The next n bytes, fewer at the end, nil behind it. Without n all that is left, up to max_body.
---
---Errors: more is left than max_body; a body that breaks off; it is closed.
---
---Waits: of a stream.
---
---```lua
---local res = rover.http.get(rover.config.upstream .. "/export", { stream = true })
---res:read(2) --> "1\n"
---res:read() --> "2\n3\n"
---res:close()
---```
---@param n? integer Bytes
---@return string? bytes
function HttpResponse:read(n) end

---Ends a stream early.
---
---Example: see `res:read`.
function HttpResponse:close() end
