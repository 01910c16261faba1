---@meta rover.api

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
