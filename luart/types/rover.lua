---@meta rover

-- What scripts for Rover for Caddy see, for lua-language-server (LuaCATS annotations). Written by
-- "caddy rover types"; not loaded by Rover. Times are in seconds unless a name says otherwise.
--
-- The language is Lua 5.1. io opens no files (write goes to the log), debug has traceback and getinfo only, os has clock,
-- date, difftime, time and getenv, package has config, loaded and preload; dofile, loadfile and module are not there.
-- Settings that fit, in .luarc.json:
--
--   {
--     "runtime.version": "Lua 5.1",
--     "runtime.builtin": { "ffi": "disable", "jit": "disable", "utf8": "disable" },
--     "workspace.library": ["types"]
--   }

--------------------------------------------------------------------------------------------------
-- The api tree
--------------------------------------------------------------------------------------------------

---A place of the tree: api.users is /users, api.users.p_id is /users/:id, api.files.w_rest is everything below /files.
---Any name is a segment; api["well-known"]["x.json"] writes those that are no names, api:at("/users/:id/delete") any.
---@class rover.Node
---@field get fun(ctx: rover.Ctx): rover.Answer? Serves GET, and HEAD where there is no head.
---@field post fun(ctx: rover.Ctx): rover.Answer?
---@field put fun(ctx: rover.Ctx): rover.Answer?
---@field patch fun(ctx: rover.Ctx): rover.Answer?
---@field delete fun(ctx: rover.Ctx): rover.Answer?
---@field head fun(ctx: rover.Ctx): rover.Answer?
---@field options fun(ctx: rover.Ctx): rover.Answer?
---@field any fun(ctx: rover.Ctx): rover.Answer? Serves every method that has no function of its own here.
---@field before table<string, fun(ctx: rover.Ctx): rover.Answer?> Run before everything here and below, routed or not; what one returns is the answer.
---@field after table<string, fun(ctx: rover.Ctx, res: rover.Response): rover.Answer?> Run for every response from here and below.
---@field [string] rover.Node

---What a function may return: a table is answered as JSON, a string, number or boolean as text, nothing as 204.
---@alias rover.Answer rover.Response|rover.Html|table|string|number|boolean

---What rover.server returns. A script ends with "return api". Hooks of the script's life: api.on_start = f gives one
---its function, api.on_start(f) one more.
---@class rover.Api: rover.Node
---@field json rover.builder.json
---@field text rover.builder.text
---@field html rover.builder.html
---@field raw rover.builder.raw
---@field redirect rover.builder.redirect
---@field sse rover.builder.sse
---@field on_check (fun(): boolean?, string?)|fun(f: (fun(): boolean?, string?)) At the end of a load: an error or false refuses the script.
---@field on_reload (fun(old_version: integer, state: table<string, table>))|fun(f: (fun(old_version: integer, state: table<string, table>))) Before this version takes over from an older one.
---@field on_start (fun())|fun(f: (fun())) Before the first request.
---@field on_ready (fun())|fun(f: (fun())) When Caddy serves.
---@field on_stop (fun())|fun(f: (fun())) When this version ends.
---@field on_error (fun(err: rover.Error, ctx: rover.Ctx): rover.Answer?)|fun(f: (fun(err: rover.Error, ctx: rover.Ctx): rover.Answer?)) When a function of a request has failed; what it returns is the answer, with the status of the error unless it says another.
local api = {}

---The node of a path: for segments that are no fields of a node (get, delete, before, ws, and json, error, at directly
---on api) and any other. api:at("/users/:id") is api.users.p_id. Handlers, hooks and what is below are given to it as
---to any node.
---@param pattern string As in a URL: "/users/:id/delete", "/files/*rest"; %20 is a space, %3A and %2A are a : and * that begin a segment.
---@return rover.Node
function api:at(pattern) end

---@class rover.Error
---@field message string
---@field status integer
---@field traceback string

---Answers with {"error": message}. With handle = true (status 400 to 599) handle_errors answers
---instead, where the site has it.
---@param status integer 200 to 599
---@param message string|number
---@param options? { handle?: boolean }
---@return rover.Response
function api:error(status, message, options) end

---Answers 204 No Content.
---@return rover.Response
function api.no_content() end

---Passes the request on to the next handler of Caddy.
---@return rover.Response
function api.pass() end

---Hands the request over to an upstream, or to the first of several that can be reached.
---@param to string|string[]|nil "host:port", "https://host", "unix//path", "srv+http://name"; nil with the option pick
---@param options? rover.ProxyOptions
---@return rover.Response
function api.proxy(to, options) end

---Answers piece by piece. The producer is called when the client can take more; it may wait; nil ends the answer.
---@param status integer
---@param content_type string
---@param producer fun(): string?
---@return rover.Response
function api.stream(status, content_type, producer) end

---api.stream with headers.
---@param status integer
---@param content_type string
---@param headers table<string, string|string[]>
---@param producer fun(): string?
---@return rover.Response
function api.stream_with_headers(status, content_type, headers, producer) end

---Not available in this version.
---@deprecated
function api.idempotent() end

---@class rover.builder.json
---@overload fun(value: any): rover.Response
local json_builder = {}

---@param status integer 200 to 599
---@param value any
---@return rover.Response
function json_builder:status(status, value) end

---@class rover.builder.text
---@overload fun(text: string|number): rover.Response
local text_builder = {}

---@param status integer 200 to 599
---@param text string|number
---@return rover.Response
function text_builder:status(status, text) end

---With a table it takes a template: api.html(data)[[ <p>{{ name }}</p> ]].
---@class rover.builder.html
---@overload fun(text: string|number|rover.Html): rover.Response
---@overload fun(data: table): fun(template: string): rover.Response
local html_builder = {}

---@param status integer 200 to 599
---@param text string|number|rover.Html
---@return rover.Response
---@overload fun(self, status: integer, data: table): fun(template: string): rover.Response
function html_builder:status(status, text) end

---@class rover.builder.raw
---@overload fun(bytes: string, content_type?: string): rover.Response
local raw_builder = {}

---@param status integer 200 to 599
---@param bytes string
---@param content_type? string Default: application/octet-stream
---@return rover.Response
function raw_builder:status(status, bytes, content_type) end

---Answers 302.
---@class rover.builder.redirect
---@overload fun(url: string): rover.Response
local redirect_builder = {}

---Answers 301.
---@param url string
---@return rover.Response
function redirect_builder:permanent(url) end

---@param status integer 300 to 399
---@param url string
---@return rover.Response
function redirect_builder:status(status, url) end

---Answers with an event stream. The producer returns the data of an event, or a rover.Event; nil ends the stream.
---@class rover.builder.sse
---@overload fun(producer: fun(): (string|rover.Event)?, retry_ms?: integer): rover.Response
local sse_builder = {}

---@param status integer
---@param producer fun(): (string|rover.Event)?
---@param retry_ms? integer How long clients wait before they come again.
---@return rover.Response
function sse_builder:status(status, producer, retry_ms) end

---@param headers table<string, string|string[]>
---@param producer fun(): (string|rover.Event)?
---@param retry_ms? integer How long clients wait before they come again.
---@return rover.Response
function sse_builder:with_headers(headers, producer, retry_ms) end

---An event without fields is a comment, which keeps the connection in use.
---@class rover.Event
---@field data? string
---@field event? string
---@field id? string
---@field retry? integer Milliseconds

---@class rover.ProxyOptions
---@field timeout? number Seconds until the head of the answer.
---@field tries? integer How many upstreams to try. Default: all
---@field path? string Replaces the path, and the query if it has one; escaped, as in a URL. Checked as that of ctx:rewrite.
---@field host? string Replaces the Host header.
---@field headers? table<string, string|number|string[]>
---@field pick? fun(ctx: rover.Ctx, attempt: integer, last: rover.TryError?): string? The upstream of each try; nil ends them.

---How a try to hand a request over ended.
---@class rover.TryError
---@field upstream string
---@field message string

--------------------------------------------------------------------------------------------------
-- The request
--------------------------------------------------------------------------------------------------

---The request. Valid until its function returns.
---@class rover.Ctx
---@field method string
---@field path string Decoded
---@field raw_path string As received
---@field host string
---@field scheme "http"|"https"
---@field protocol "http"|"https" The same as scheme.
---@field proto string "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"
---@field uri string Path and query
---@field remote_addr? string The client's address, by Caddy's trusted_proxies; nil for the peer of a unix socket.
---@field client_ip? string The same as remote_addr.
---@field direct_remote_addr? string The address of the socket's other end.
---@field tls rover.Tls?
local Ctx = {}

---@class rover.Tls
---@field version string "TLS 1.3"
---@field cipher string
---@field sni string
---@field alpn string
---@field client? rover.Certificate

---@class rover.Certificate
---@field subject string
---@field issuer string
---@field serial string
---@field fingerprint string SHA-256 in hex
---@field san string[]

---Values by name: t.name is the first one, t:all(name) all of them. Headers are found in any case.
---@class rover.Values
---@field [string] string?
local Values = {}

---@param name string
---@return string[]
function Values:all(name) end

---The first value of a header, found in any case. Several of one that a request has once (Authorization, Content-Type,
---Origin, Proxy-Authorization, Referer) raise a 400.
---@param name string
---@return string?
function Ctx:header(name) end

---@return rover.Values
function Ctx:headers() end

---The query, decoded. ?a gives "". One that cannot be decoded, or has more than 10,000 parameters, raises a 400.
---@return rover.Values
function Ctx:query() end

---The path parameters: those of p_name and w_name.
---@return table<string, string>
function Ctx:params() end

---@param name string
---@return string?
function Ctx:param(name) end

---The first cookie of that name, as it was sent: not decoded, quotes kept.
---@param name string
---@return string?
function Ctx:cookie(name) end

---All cookies. More than 10,000 raise a 400.
---@return rover.Values
function Ctx:cookies() end

---The body. It waits until all of it is there; a longer one than max_body raises a 413. It still goes on to the upstream.
---@return rover.RequestBody
function Ctx:body() end

---The parts of a multipart/form-data body of at most max_upload bytes.
---@return rover.Parts
function Ctx:multipart() end

---The client's X-Request-Id if it is sane, else a new one, which the upstream gets, too.
---@return string
function Ctx:request_id() end

---What set has kept for this request.
---@param key any
---@return any
function Ctx:get(key) end

---Keeps a value for this request, through all its functions.
---@param key any
---@param value any
function Ctx:set(key, value) end

---A placeholder of Caddy, without braces: "http.request.tls.server_name".
---@param name string
---@return string|number|boolean|nil
function Ctx:var(name) end

---Sets {http.vars.name}.
---@param name string
---@param value string|number|boolean|nil
function Ctx:set_var(name, value) end

---Writes a line with the request's id to the log.
---@param message string
---@param fields? table<string, any>
function Ctx:log(message, fields) end

---Adds a field to Caddy's access log.
---@param name string
---@param value string|number|boolean|nil
function Ctx:log_field(name, value) end

---@param name string
---@param value string|number
---@return rover.Ctx
function Ctx:set_header(name, value) end

---@param name string
---@param value string|number
---@return rover.Ctx
function Ctx:add_header(name, value) end

---@param name string
---@return rover.Ctx
function Ctx:remove_header(name) end

---@param method string
---@return rover.Ctx
function Ctx:set_method(method) end

---Replaces the path. One that can be read in two ways raises a 400: with a space, "?", "#" or a bad escape, or with a
---dot segment once it is decoded. rover.url.path makes a path of decoded parts.
---@param path string Escaped, as in a URL
---@param query? string Without "?". Default: the old one stays
---@return rover.Ctx
function Ctx:rewrite(path, query) end

---Takes whole segments off the beginning of the path and leaves the rest as it is escaped. false, and nothing has
---changed, where the path does not begin with them.
---@param prefix string "/api"
---@return boolean stripped
function Ctx:strip_prefix(prefix) end

---Replaces the parameters of one name. Everything else stays as it was sent, in its order.
---@param name string
---@param value string|number|(string|number)[]|nil nil removes it; a list sets several.
---@return rover.Ctx
function Ctx:set_query(name, value) end

---@param host string
---@return rover.Ctx
function Ctx:set_host(host) end

---@param bytes string
---@return rover.Ctx
function Ctx:set_body(bytes) end

---Names the upstreams of a reverse_proxy with "dynamic rover".
---@param to string|string[]
---@return rover.Ctx
function Ctx:upstream(to) end

---Sends a copy of the request to an upstream, and drops the answer. It returns at once.
---@param to string
---@param options? rover.MirrorOptions
---@return boolean sent false when the request was not in the sample, or too many copies are under way.
function Ctx:mirror(to, options) end

---@class rover.MirrorOptions
---@field sample? number 0 to 1, default 1
---@field timeout? number Seconds, default 10
---@field path? string
---@field host? string
---@field headers? table<string, string|number|string[]>
---@field max_body? integer Bytes, at most max_body

---Passes the request on, and waits for the head of the response, which can be changed, returned, or dropped.
---@return rover.Response
function Ctx:next() end

---Hands the request over, and waits for the head of the response, which can be changed, returned, or dropped. When
---nobody answers, res.error says why.
---@param to string|string[]|nil
---@param options? rover.ProxyOptions
---@return rover.Response
function Ctx:proxy(to, options) end

---@class rover.RequestBody
local RequestBody = {}

---@return string
function RequestBody:text() end

---The same as text.
---@return string
function RequestBody:bytes() end

---@return integer
function RequestBody:len() end

---The body decoded; what is no JSON raises a 400.
---@return any
function RequestBody:json() end

---The fields of a form, urlencoded or multipart. Another content type raises a 415.
---@return rover.Values
function RequestBody:form() end

---@return rover.Parts
function RequestBody:multipart() end

---The first file of a multipart form with this name.
---@param name string
---@return rover.Part?
function RequestBody:file(name) end

---@param name string
---@return rover.Part[]
function RequestBody:files(name) end

---The JSON body, if it is as the schema says, else a 400 that names the first place where it is not.
---@param schema rover.Schema
---@return any
function RequestBody:expect(schema) end

---"string", "number", "integer", "boolean", "object", "array", "table", "any", each with "?" if it may be missing;
---{ name = schema } for an object, { schema } for an array.
---@alias rover.Schema string|table

---@class rover.Parts
---@field [integer] rover.Part
local Parts = {}

---@return rover.Values
function Parts:form() end

---@param name string
---@return rover.Part?
function Parts:file(name) end

---@param name string
---@return rover.Part[]
function Parts:files(name) end

---A part of a multipart body.
---@class rover.Part
---@field name string
---@field filename string? nil for a field that is no file; never a path
---@field content_type string?
---@field headers rover.Values
---@field size integer Bytes
local Part = {}

---The bytes; more than max_body raise a 413.
---@return string
function Part:text() end

---@param size? integer Bytes, default 64 KiB
---@return fun(): string?
function Part:chunks(size) end

--------------------------------------------------------------------------------------------------
-- The response
--------------------------------------------------------------------------------------------------

---A response: one that a builder has made, that ctx:next or ctx:proxy returned, or that an after hook gets.
---@class rover.Response
---@field status integer Can be set.
---@field error string? Why nobody answered ctx:proxy or ctx:next.
local Response = {}

---@param name string
---@return string?
function Response:header(name) end

---@return rover.Values
function Response:headers() end

---@param name string
---@param value string|number
---@return rover.Response
function Response:set_header(name, value) end

---@param name string
---@param value string|number
---@return rover.Response
function Response:add_header(name, value) end

---@param name string
---@return rover.Response
function Response:remove_header(name) end

---@param cookie rover.Cookie
---@return rover.Response
function Response:set_cookie(cookie) end

---@class rover.Cookie
---@field name string
---@field value string|number
---@field path? string
---@field domain? string
---@field max_age? integer Seconds; 0 deletes it.
---@field expires? number Seconds since 1970
---@field secure? boolean
---@field http_only? boolean
---@field same_site? "lax"|"strict"|"none"

---Waits for the body, at most max_body, decoded.
---@return rover.ResponseBody
function Response:body() end

---@param bytes string
---@return rover.Response
function Response:set_body(bytes) end

---Calls f with each piece of the body as it comes; what it returns is sent in its place. f may wait.
---@param f fun(chunk: string, last: boolean): string?
---@return rover.Response
function Response:on_chunk(f) end

---Replaces all matches in the body as it goes by.
---@param pattern string|rover.Expression A string is taken as it is.
---@param replacement string $1 and ${name} are groups of an expression.
---@param options? { window?: integer, limit?: integer, literal?: boolean }
---@return rover.Response
function Response:replace(pattern, replacement, options) end

---@class rover.ResponseBody
local ResponseBody = {}

---@return string
function ResponseBody:text() end

---The same as text.
---@return string
function ResponseBody:bytes() end

---@return integer
function ResponseBody:len() end

---The body decoded; what is no JSON raises a 502.
---@return any
function ResponseBody:json() end

--------------------------------------------------------------------------------------------------
-- rover
--------------------------------------------------------------------------------------------------

rover = {}

---The version of the script in its VM: 1 at first, and more with each one that takes over.
---@type integer
rover.version = 1

---The values of "set" in the Caddyfile.
---@type table<string, string>
rover.config = {}

---Begins a script. What is Caddy's job in the options (host, port, tls, …) has no effect.
---@param options? table
---@return rover.Api
function rover.server(options) end

---A table that all requests and versions of the script share.
---@param name string
---@param default? table What it is at first; {} if not given.
---@return table
function rover.state(name, default) end

---Registers a matcher for "@name rover matcher".
---@param name string
---@param f fun(ctx: rover.Ctx): boolean?
function rover.matcher(name, f) end

---Registers a load balancing policy for "lb_policy rover".
---@param name string
---@param f fun(ctx: rover.Ctx, upstreams: rover.Upstream[]): rover.Upstream|integer|string|nil
function rover.policy(name, f) end

---@class rover.Upstream
---@field dial string
---@field host string
---@field place integer In the configuration's list, from 1
---@field requests integer Being served
---@field fails integer Remembered by passive health checks
---@field max_requests integer?

---Waits; other requests run meanwhile.
---@param seconds number 0 to 86400
function rover.sleep(seconds) end

---Runs functions at the same time and returns their results: in order for a list, by name for a table. The first error
---ends the others and is raised.
---@generic K
---@param functions table<K, fun(): any>
---@return table<K, any>
function rover.parallel(functions) end

---Calls f in the background, soon. premature: the script has been replaced meanwhile.
---@param f fun(premature: boolean)
function rover.spawn(f) end

---Calls f once, in the background.
---@param seconds number
---@param f fun(premature: boolean) premature: early, because the script is replaced or the server stops
---@return rover.Timer
function rover.after(seconds, f) end

---Calls f again and again, in the background.
---@param seconds number At least 0.001
---@param f fun(premature: boolean) premature: the last call, because the script is replaced or the server stops
---@return rover.Timer
function rover.every(seconds, f) end

---Calls f at the times of a cron specification.
---@param spec string "minute hour day month weekday", "@hourly", "CRON_TZ=Europe/Berlin 0 6 * * *"
---@param f fun(premature: boolean)
---@return rover.Timer
function rover.cron(spec, f) end

---@class rover.Timer
local Timer = {}

---There is no further call, not even the last one.
function Timer:stop() end

---A cache that all requests share. What was used last stays.
---@param name string
---@param options? { max_items?: integer, max_bytes?: integer|string, ttl?: number } 10,000 items and "16MiB" if not given; ttl in seconds
---@return rover.Cache
function rover.cache(name, options) end

---@class rover.Cache
local Cache = {}

---A copy of the value, nil if there is none.
---@param key string|number
---@return any
function Cache:get(key) end

---@param key string|number
---@param value any Plain data, which is copied; nil removes what is there.
---@param ttl? number Seconds
function Cache:set(key, value, ttl) end

---@param key string|number
function Cache:delete(key) end

---Adds to a number, which is 0 where there is none.
---@param key string|number
---@param by? number Default: 1
---@param ttl? number Seconds, for a new one
---@return number
function Cache:incr(key, by, ttl) end

---The value; where there is none what fn returns, which runs once however many ask.
---@param key string|number
---@param options { ttl?: number, stale?: number, negative?: number } Seconds
---@param fn fun(): any, number? The value, and its ttl
---@return any
---@overload fun(self, key: string|number, fn: fun(): any, number?): any
function Cache:fetch(key, options, fn) end

function Cache:clear() end

---@return { items: integer, bytes: integer, hits: integer, misses: integer, evictions: integer, expired: integer, fetches: integer, stale_served: integer }
function Cache:stats() end

---A lock that one handler at a time can hold, across what it waits for. It is released when the
---response has ended, whoever sends it, or by release.
---@param name string
---@return rover.Lock
function rover.lock(name) end

---A lock with n places.
---@param name string
---@param n integer
---@return rover.Lock
function rover.semaphore(name, n) end

---@class rover.Lock
local Lock = {}

---@param seconds? number How long to wait; without it, as long as the request may
---@return boolean acquired
function Lock:acquire(seconds) end

function Lock:release() end

---Calls f while it is held, and returns what f returns.
---@generic T
---@param f fun(): T
---@return T
function Lock:with(f) end

---A channel between requests.
---@param name string
---@param capacity? integer Values that it keeps while nobody receives. Default: 0
---@return rover.Channel
function rover.channel(name, capacity) end

---@class rover.Channel
---@operator len: integer
local Channel = {}

---@param value any Plain data, which is copied
---@param seconds? number How long to wait
---@return boolean sent false when the time is over
function Channel:send(value, seconds) end

---@param seconds? number How long to wait
---@return any value
---@return ("timeout"|"closed")? why there is none
function Channel:recv(seconds) end

---Receives until the channel is closed and empty.
---@return fun(): any
function Channel:iter() end

function Channel:close() end

---@return integer
function Channel:len() end

--------------------------------------------------------------------------------------------------
-- rover.http: requests to other services (allow net)
--------------------------------------------------------------------------------------------------

rover.http = {}

---@class rover.HttpOptions
---@field timeout? number Seconds for all of it; with stream, for the head and each later read
---@field params? table<string, string|number|boolean|string[]> Appended to the query
---@field body? string
---@field json? any Sent as JSON
---@field form? table<string, any> Sent URL-encoded
---@field headers? table<string, string|number|string[]>
---@field redirects? integer How many to follow, default 10
---@field max_body? integer Bytes of the response's body, default 10 MiB
---@field stream? boolean Return when the head is there.
---@field method? string Of rover.http.request
---@field url? string Of rover.http.request

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse? response
---@return string? why there is none: "timeout: …", "dns: …"
function rover.http.get(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.delete(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.head(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.options(url, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.post(url, body, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.put(url, body, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.patch(url, body, options) end

---@param options rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function rover.http.request(options) end

---A client with defaults of its own.
---@param options { base_url?: string, headers?: table, timeout?: number, redirects?: integer, max_body?: integer, ca?: string, cert?: string, key?: string, insecure?: boolean }
---@return rover.HttpClient
function rover.http.create(options) end

---@class rover.HttpClient
local HttpClient = {}

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:get(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:delete(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:head(url, options) end

---@param url string
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:options(url, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:post(url, body, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:put(url, body, options) end

---@param url string
---@param body? string|rover.HttpOptions
---@param options? rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:patch(url, body, options) end

---@param options rover.HttpOptions
---@return rover.HttpResponse?
---@return string?
function HttpClient:request(options) end

---@class rover.HttpResponse
---@field status integer
---@field ok boolean 200 to 299
---@field headers rover.Values
---@field body string Raises for a stream.
---@field data any The body decoded, if its content type is JSON, else nil
---@field url string Of the last request, after redirects
local HttpResponse = {}

---The body decoded, whatever its content type says.
---@return any value
---@return string? why there is none
function HttpResponse:json() end

---@param max? integer Bytes of a line, default 1 MiB
---@return fun(): string?
function HttpResponse:lines(max) end

---@param size? integer Bytes, default 64 KiB
---@return fun(): string?
function HttpResponse:chunks(size) end

---@param n? integer Bytes; without it all that is left
---@return string?
function HttpResponse:read(n) end

function HttpResponse:close() end

--------------------------------------------------------------------------------------------------
-- Libraries that do not wait
--------------------------------------------------------------------------------------------------

rover.json = {}

---@param value any
---@return string
function rover.json.encode(value) end

---@param text string
---@return any value
---@return string? why there is none
function rover.json.decode(text) end

---Marks a table, or a new one, as an array: empty it is [] and not {}.
---@param t? table
---@return table
function rover.json.array(t) end

---Encodes as null. It is true in a condition.
---@type userdata
rover.json.null = nil

rover.base64 = {}

---@param bytes string
---@return string
function rover.base64.encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.base64.decode(text) end

---@param bytes string
---@return string
function rover.base64.url_encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.base64.url_decode(text) end

rover.hex = {}

---@param bytes string
---@return string
function rover.hex.encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.hex.decode(text) end

rover.crypto = {}

---@alias rover.Encoding "hex"|"base64"|"base64url"|"raw"

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha256(bytes, encoding) end

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha384(bytes, encoding) end

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha512(bytes, encoding) end

---For old protocols.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha1(bytes, encoding) end

---For old protocols.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.md5(bytes, encoding) end

---@param algorithm "md5"|"sha1"|"sha256"|"sha384"|"sha512"
---@param key string
---@param message string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.hmac(algorithm, key, message, encoding) end

---Bytes of the system's secure source.
---@param n integer 1 to 65536
---@param encoding? rover.Encoding Default: raw
---@return string
function rover.crypto.random(n, encoding) end

---A random UUID (version 4).
---@return string
function rover.crypto.uuid() end

---Compares in a time that depends on the lengths only: for tokens and signatures.
---@param a string
---@param b string
---@return boolean
function rover.crypto.equal(a, b) end

rover.url = {}

---@class rover.Url
---@field scheme? string
---@field host? string With the port
---@field hostname? string
---@field port? integer
---@field path? string Decoded
---@field raw_path? string
---@field query? table<string, any>
---@field raw_query? string
---@field fragment? string
---@field user? string
---@field password? string
---@field opaque? string

---For one component of a URL.
---@param s string
---@return string
function rover.url.encode(s) end

---Joins a path and parts of one, as text that is not escaped, and escapes their segments; slashes in them stay. A dot
---segment raises a 400. rover.url.path("/public", ctx:param("rest"))
---@param base string Begins with "/"
---@param ... string|number
---@return string
function rover.url.path(base, ...) end

---@param s string
---@return string?
---@return string? why there is none
function rover.url.decode(s) end

---@param s string
---@return rover.Url?
---@return string? why there is none
function rover.url.parse(s) end

---@param url rover.Url
---@return string?
---@return string? why there is none
function rover.url.build(url) end

---@param values table<string, string|number|boolean|(string|number|boolean)[]>
---@return string
function rover.url.query_encode(values) end

---@param query string
---@return table<string, string>?
---@return string? why there is none
function rover.url.query_decode(query) end

---Regular expressions (RE2). Strings are expressions, too.
rover.re = {}

---The groups of the first match, the match itself without groups.
---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return string? ...
function rover.re.match(s, re, init) end

---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return integer? first
---@return integer? last
---@return string? ... groups
function rover.re.find(s, re, init) end

---The named groups, (?P<name>…), of the first match.
---@param s string
---@param re string|rover.Expression
---@param init? integer
---@return table<string, string>?
function rover.re.named(s, re, init) end

---@param s string
---@param re string|rover.Expression
---@return fun(): string|false ...
function rover.re.gmatch(s, re) end

---@param s string
---@param re string|rover.Expression
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer
---@return string
---@return integer count
function rover.re.gsub(s, re, repl, n) end

---@param s string
---@param re string|rover.Expression
---@param n? integer
---@return string[]
function rover.re.split(s, re, n) end

---An expression that matches s.
---@param s string
---@return string
function rover.re.quote(s) end

---@param re string
---@return rover.Expression
function rover.re.compile(re) end

---@class rover.Expression
local Expression = {}

---@param s string
---@param init? integer
---@return string? ...
function Expression:match(s, init) end

---@param s string
---@param init? integer
---@return integer? first
---@return integer? last
---@return string? ... groups
function Expression:find(s, init) end

---@param s string
---@param init? integer
---@return table<string, string>?
function Expression:named(s, init) end

---@param s string
---@return fun(): string|false ...
function Expression:gmatch(s) end

---@param s string
---@param repl string|table|fun(...: string?): (string|false|nil)
---@param n? integer
---@return string
---@return integer count
function Expression:gsub(s, repl, n) end

---@param s string
---@param n? integer
---@return string[]
function Expression:split(s, n) end

rover.time = {}

---Seconds since 1970-01-01 UTC, with a fraction.
---@return number
function rover.time.now() end

---Seconds since the process started; it never goes back.
---@return number
function rover.time.monotonic() end

---@param seconds number
---@param layout? string "rfc3339" (the default), "http", "unix", "date", or text with %Y %m %d …
---@param zone? string "UTC" (the default), "local", "Europe/Paris"
---@return string
function rover.time.format(seconds, layout, zone) end

---@param text string
---@param layout? string
---@param zone? string
---@return number? seconds
---@return string? why there are none
function rover.time.parse(text, layout, zone) end

---Environment variables (allow env): rover.env.NAME, or rover.env.get(name, default).
---@type { get: (fun(name: string, default?: string): string?), [string]: string? }
rover.env = {}

---A template with data: rover.html(data)[[ <p>{{ text }}</p> ]]. Functions put into it are components of all templates.
---@type { [string]: fun(props: any): any } | fun(data: table?): fun(template: string): rover.Html
rover.html = {}

---HTML that a template has made, and that is not escaped again.
---@class rover.Html
---@operator concat: rover.Html

rover.log = {}

---@param message string|number
---@param fields? table<string, any>
function rover.log.debug(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.info(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.warn(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.error(message, fields) end

---Figures of the script's own among those of the server, as rover_<name>. They outlive reloads.
rover.metrics = {}

---@param name string
---@param options? { help?: string, labels?: string[] }
---@return rover.Counter
function rover.metrics.counter(name, options) end

---@param name string
---@param options? { help?: string, labels?: string[] }
---@return rover.Gauge
function rover.metrics.gauge(name, options) end

---@param name string
---@param options? { help?: string, labels?: string[], buckets?: number[] }
---@return rover.Histogram
function rover.metrics.histogram(name, options) end

---@class rover.Counter
local Counter = {}

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Counter:inc(n, labels) end

---@class rover.Gauge
local Gauge = {}

---@param n number
---@param labels? table<string, string|number|boolean>
function Gauge:set(n, labels) end

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:inc(n, labels) end

---@param n? number Default: 1
---@param labels? table<string, string|number|boolean>
---@overload fun(self, labels: table<string, string|number|boolean>)
function Gauge:dec(n, labels) end

---@class rover.Histogram
local Histogram = {}

---@param n number
---@param labels? table<string, string|number|boolean>
function Histogram:observe(n, labels) end

--------------------------------------------------------------------------------------------------
-- What the language has beyond Lua 5.1
--------------------------------------------------------------------------------------------------

---@param ... any
---@return { n: integer, [integer]: any }
function table.pack(...) end

---@param list table
---@param i? integer
---@param j? integer
---@return any ...
function table.unpack(list, i, j) end

---@return boolean
function coroutine.isyieldable() end
