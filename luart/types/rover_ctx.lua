---@meta rover.ctx

-- The request: reading it, changing it, handing it on.

---The request. It is valid until its function returns; afterwards every use of it raises "the request is over".
---
---Where: in a request. Matchers and policies may only read.
---
---```lua
---function api.where.get(ctx)
---  return { ctx.method, ctx.path, ctx.raw_path, ctx.host, ctx.scheme, ctx.client_ip }
---end
----- GET /where => 200 ["GET","/where","/where","example.com","http","192.0.2.1"]
---```
---@class rover.Ctx
---@field method string In upper case. A WebSocket over HTTP/2 or HTTP/3 is a GET, as it is over HTTP/1.1.
---@field path string Decoded
---@field raw_path string Escaped, as received
---@field host string The Host header, with its port
---@field scheme "http"|"https"
---@field protocol "http"|"https" What the client speaks: what a peer that trusted_proxies trusts says in Forwarded or X-Forwarded-Proto, otherwise scheme. Several values that differ are http.
---@field proto string "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"
---@field uri string Path and query
---@field remote_addr? string The client's address, by Caddy's trusted_proxies; nil for the peer of a unix socket.
---@field client_ip? string The same as remote_addr.
---@field direct_remote_addr? string The address of the socket's other end.
---@field tls rover.Tls? nil without TLS
local Ctx = {}

---What is known of a TLS connection.
---@class rover.Tls
---@field version string "TLS 1.3"
---@field cipher string
---@field sni string
---@field alpn string
---@field client? rover.Certificate The client's, where Caddy asks for one.

---What is in a certificate.
---@class rover.Certificate
---@field subject string
---@field issuer string
---@field serial string
---@field fingerprint string SHA-256 in hex
---@field not_before integer seconds since 1970
---@field not_after integer seconds since 1970
---@field is_ca boolean
---@field san string[] DNS names, mail addresses, IP addresses, URIs

---Values by name: t.name is the first one, t:all(name) all of them. Headers are found in any case.
---@class rover.Values
---@field [string] string?
local Values = {}

---All values of a name, in the order in which they were sent; an empty list if there is none.
---
---```lua
---function api.search.get(ctx)
---  local query = ctx:query()
---  return { query.tag, query:all("tag"), query.none == nil }
---end
----- GET /search?tag=a&tag=b => 200 ["a",["a","b"],true]
---```
---@param name string
---@return string[]
function Values:all(name) end

---The values as a schema expects them, read from texts: "12" is 12 where a number is expected, and an array has all values of a name.
---What can be read in two ways is a fault. Of ctx:query(), ctx:headers() and ctx:params() only; extra is for the query. A value that is
---called expect is to be had by `:all("expect")`. See [validation](../validation.md#texts).
---
---Errors: values that are not as the schema says raise a 400 that lists all faults. A schema that is none.
---
---```lua
---function api.list.get(ctx)
---  return ctx:query():expect { page = "integer", tag = { "string" } }
---end
----- GET /list?page=2&tag=a&tag=b => 200 {"page":2,"tag":["a","b"]}
----- GET /list?page=0x2&tag=a => 400 {"errors":[{"field":"page","message":"Must be an integer, got '0x2'","type":"type"}]}
---```
---@param schema table<string, rover.Schema>
---@param options? { extra?: "strip"|"keep"|"error" } extra: what becomes of other parameters; default "strip"
---@return table
function Values:expect(schema, options) end

---The first value of a header, found in any case; nil if it is not there.
---
---Errors: several of a header that a request has once (Authorization, Content-Type, Origin, Proxy-Authorization, Referer)
---raise a 400.
---
---```lua
---function api.get(ctx) return ctx:header("accept-language") or "none" end
----- GET / | Accept-Language: fr => 200 fr
----- GET / => 200 none
---```
---@param name string
---@return string? value
function Ctx:header(name) end

---All headers. Several Cookie headers are one.
---
---Errors: as ctx:header.
---
---```lua
---function api.get(ctx) return ctx:headers():all("x-tag") end
----- GET / | X-Tag: a | X-Tag: b => 200 ["a","b"]
---```
---@return rover.Values
function Ctx:headers() end

---The query, decoded. ?a gives "".
---
---Errors: one that cannot be decoded, that servers read in different ways, or that has more than 10,000 parameters raises
---a 400.
---
---```lua
---function api.search.get(ctx) return ctx:query().q or "all" end
----- GET /search?q=a+b%21 => 200 a b!
----- GET /search => 200 all
----- GET /search?q=%zz => 400 {"error":"query: invalid URL escape \"%zz\""}
---```
---@return rover.Values
function Ctx:query() end

---What the rule expect of the request's place expects: { body = …, query = …, params = …, headers = … }, those that it names. It is
---read of the request as it is now.
---
---Errors: a place without such a rule for the method.
---
---Waits: no: the body has come.
---
---```lua
---api.notes.p_id.expect { put = { params = { id = "integer" }, query = { notify = "boolean?" }, body = { text = "string" } } }
---function api.notes.p_id.put(ctx)
---  local e = ctx:expected()
---  return { e.params.id, e.query.notify, e.body.text }
---end
----- PUT /notes/7?notify=true {"text":"hello","admin":true} => 200 [7,true,"hello"]
----- PUT /notes/7?notify=1 {"text":"hello"} => 400 {"errors":[{"field":"query.notify","message":"Must be a boolean, got '1'","type":"type"}]}
---```
---@return { body?: any, query?: table, params?: table, headers?: table }
function Ctx:expected() end

---The path parameters: those of p_name and w_name.
---
---```lua
---function api.shops.p_shop.w_rest.get(ctx) return ctx:params() end
----- GET /shops/b%C3%A4r/a/b => 200 {"shop":"bär","rest":"a/b"}
---```
---@return table<string, string>
function Ctx:params() end

---One path parameter, decoded; nil if the route has none of that name.
---
---```lua
---function api.users.p_id.get(ctx) return ctx:param("id") end
----- GET /users/7 => 200 7
---```
---@param name string
---@return string? value
function Ctx:param(name) end

---The first cookie of that name, as it was sent: not decoded, quotes kept. nil if there is none.
---
---```lua
---function api.get(ctx) return ctx:cookie("tier") or "basic" end
----- GET / | Cookie: a=1; tier=gold => 200 gold
----- GET / => 200 basic
---```
---@param name string
---@return string? value
function Ctx:cookie(name) end

---All cookies.
---
---Errors: more than 10,000 raise a 400.
---
---```lua
---function api.get(ctx) return ctx:cookies():all("a") end
----- GET / | Cookie: a=1; a=2 => 200 ["1","2"]
---```
---@return rover.Values
function Ctx:cookies() end

---The body. The upstream still gets it, whole with every try.
---
---Errors: a longer one than max_body raises a 413, one that cannot be read a 400, one that comes too slowly a 408. It also
---raises when the body has gone on already.
---
---Waits: until all of it is there.
---
---```lua
---function api.post(ctx)
---  local body = ctx:body()
---  return { body:len(), body:text() }
---end
----- POST / hello => 200 [5,"hello"]
---```
---@return rover.RequestBody
function Ctx:body() end

---The parts of a multipart/form-data body of at most max_upload bytes. Beyond 64 KiB it lies in a temporary file until the
---request is over.
---
---Errors: another content type, another charset than UTF-8 and a Content-Encoding raise a 415. A body that is malformed, or can be
---read in several ways, raises a 400. One that is too long or has too many parts raises a 413.
---
---Waits: until all of it is there.
---
---```lua
---function api.post(ctx)
---  return ctx:multipart():form().title
---end
----- POST / --x\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n--x--\r\n | Content-Type: multipart/form-data; boundary=x => 200 hello
---```
---@return rover.Parts
function Ctx:multipart() end

---The client's X-Request-Id if there is one of 1 to 128 visible ASCII characters, else a new UUID. The upstream gets it, too.
---
---```lua
---function api.get(ctx) return ctx:request_id() end
----- GET / | X-Request-Id: abc-1 => 200 abc-1
---```
---@return string
function Ctx:request_id() end

---What set has kept for this request; nil if nothing.
---
---Example: see `ctx:set`.
---@param key any
---@return any value
function Ctx:get(key) end

---Keeps a value for this request, through all its functions.
---
---Errors: a key that is nil.
---
---```lua
---function api.before.who(ctx) ctx:set("user", ctx:header("x-user")) end
---function api.get(ctx) return "hello " .. ctx:get("user") end
----- GET / | X-User: ann => 200 hello ann
---```
---@param key any
---@param value any
function Ctx:set(key, value) end

---A placeholder of Caddy, without braces: "http.request.tls.server_name". nil if there is none.
---
---Errors: env.* without "allow env"; file.* always.
---
---```lua
---function api.get(ctx)
---  ctx:set_var("tier", "gold")
---  return ctx:var("http.vars.tier") or "set for Caddy"
---end
----- GET / => 200 set for Caddy
---```
---@param name string
---@return string|number|boolean|nil value
function Ctx:var(name) end

---Sets {http.vars.name}, for matchers and handlers of Caddy.
---
---Example: see `ctx:var`.
---@param name string
---@param value string|number|boolean|nil
function Ctx:set_var(name, value) end

---Writes a line to the log, at info, with the request's id. It has up to 64 KiB and 128 fields; what is beyond is cut.
---
---```lua
---function api.get(ctx)
---  ctx:log("seen", { path = ctx.path })
---  ctx:log_field("tier", "gold")
---end
----- GET / => 204 
---```
---@param message string
---@param fields? table<string, any>
function Ctx:log(message, fields) end

---Adds a field to Caddy's access log. The fields of a request have up to 64 KiB together.
---
---Example: see `ctx:log`.
---@param name string
---@param value string|number|boolean|nil
function Ctx:log_field(name, value) end

---Replaces a header of the request. X-Forwarded-For, -Proto and -Host Caddy's reverse_proxy sets itself, whatever they
---were: give them to api.proxy in the option headers.
---
---Errors: a name or a value that is none; a header that says how a message is framed, such as Content-Length or Connection.
---
---```lua
---function api.get(ctx)
---  ctx:set_header("X-Tier", "gold"):add_header("X-Tag", "a"):add_header("X-Tag", "b"):remove_header("X-Debug")
---  return { ctx:header("x-tier"), ctx:headers():all("x-tag"), ctx:header("x-debug") or "gone" }
---end
----- GET / | X-Debug: 1 => 200 ["gold",["a","b"],"gone"]
---```
---@param name string
---@param value string|number
---@return rover.Ctx
function Ctx:set_header(name, value) end

---Adds a value to a header of the request.
---
---Errors: those of ctx:set_header; Host.
---
---Example: see `ctx:set_header`.
---@param name string
---@param value string|number
---@return rover.Ctx
function Ctx:add_header(name, value) end

---Removes a header of the request.
---
---Errors: those of ctx:set_header; Host.
---
---Example: see `ctx:set_header`.
---@param name string
---@return rover.Ctx
function Ctx:remove_header(name) end

---Sets the method of the request.
---
---Errors: a method that is none.
---
---```lua
---function api.any(ctx)
---  ctx:set_method("put"):set_host("shop.internal"):set_body("changed")
---  return api.pass()
---end
----- POST / old => 200 PUT / changed
---```
---@param method string Made upper case
---@return rover.Ctx
function Ctx:set_method(method) end

---Replaces the path. rover.url.path makes a path of decoded parts.
---
---Errors: a path that can be read in two ways raises a 400: with a space, "?", "#" or a bad escape, or with a dot segment
---once it is decoded. So does such a query.
---
---```lua
---function api.old.w_rest.any(ctx)
---  ctx:rewrite(rover.url.path("/new", ctx:param("rest")), "from=old")
---  return api.pass()
---end
----- GET /old/a%20b => 200 GET /new/a%20b?from=old 
---```
---@param path string Escaped, as in a URL
---@param query? string Without "?". Default: the old one stays
---@return rover.Ctx
function Ctx:rewrite(path, query) end

---Takes whole segments off the beginning of the path and leaves the rest as it is escaped.
---
---Errors: a prefix that does not begin with "/" and a segment. A rest that can be read in two ways raises a 400.
---
---```lua
---function api.api.w_rest.any(ctx)
---  ctx:strip_prefix("/api")
---  return api.pass()
---end
----- GET /api/users/a%2Fb => 200 GET /users/a%2Fb 
---```
---@param prefix string "/api"
---@return boolean stripped false where the path does not begin with it; nothing has changed then.
function Ctx:strip_prefix(prefix) end

---Replaces the parameters of one name. Everything else stays as it was sent, in its order.
---
---Errors: a query that cannot be read raises a 400.
---
---```lua
---function api.any(ctx)
---  ctx:set_query("page", 2):set_query("debug", nil):set_query("tag", { "a", "b" })
---  return api.pass()
---end
----- GET /?page=1&q=x&debug=1 => 200 GET /?page=2&q=x&tag=a&tag=b 
---```
---@param name string
---@param value string|number|(string|number)[]|nil nil removes it; a list sets several.
---@return rover.Ctx
function Ctx:set_query(name, value) end

---Sets the Host header of the request.
---
---Errors: a host that is none.
---
---Example: see `ctx:set_method`.
---@param host string
---@return rover.Ctx
function Ctx:set_host(host) end

---Replaces the body of the request. Content-Length follows, Content-Encoding and digests of the old body go.
---
---Example: see `ctx:set_method`.
---@param bytes string
---@return rover.Ctx
function Ctx:set_body(bytes) end

---Changes the JSON body of the request before it goes on. What f does not change goes out byte for byte. Null is
---rover.json.null, numbers that Lua cannot hold are as rover.json.number makes them.
---
---Errors: what is no JSON, or neither an object nor an array, raises a 400. What is said to be something else raises a 415, more
---than max_body a 413. A member that f sets where an array stands raises a 400. Those of f. The body is what it was then.
---
---Waits: until the whole body is there; f may wait.
---
---```lua
---function api.any(ctx)
---  ctx:edit_json(function(doc) doc.user = "ann" end)
---  return api.pass()
---end
----- POST / {"id":12345678901234567890} | Content-Type: application/json => 200 POST / {"id":12345678901234567890,"user":"ann"}
----- POST / x=1 | Content-Type: text/plain => 415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}
---```
---@param f fun(doc: any): any It changes doc, or returns another value in its place
---@return rover.Ctx
function Ctx:edit_json(f) end

---Names the upstreams of a reverse_proxy with "dynamic rover" that the request is passed on to. A later call replaces them.
---
---Errors: more than 16 upstreams, or none; different schemes in one list; there is a response already.
---
---```lua
---function api.w_rest.any(ctx)
---  ctx:upstream { "10.0.0.5:80", "10.0.0.6:80" }
---  return api.pass()
---end
----- GET /cart => 200 GET /cart 
---```
---@param to string|string[]
---@return rover.Ctx
function Ctx:upstream(to) end

---Sends a copy of the request, as it is now, to an upstream, and drops the answer. The copy goes on when the client leaves. A
---body that is still to come is copied once whoever gets the request has read all of it.
---
---Errors: an unknown option; the body has gone on, or there is a response already.
---
---```lua
---function api.w_rest.any(ctx)
---  local sent = ctx:mirror("10.0.0.9:80", { sample = 0 })
---  return { sent = sent }
---end
----- GET /cart => 200 {"sent":false}
---```
---@param to string
---@param options? rover.MirrorOptions
---@return boolean sent false when the request was not in the sample, or too many copies are under way.
function Ctx:mirror(to, options) end

---Options of ctx:mirror.
---@class rover.MirrorOptions
---@field sample? number The part of the requests that is copied: 0 to 1, default 1
---@field timeout? number Seconds, up to 3600, default 10
---@field path? string As in rover.ProxyOptions
---@field host? string As in rover.ProxyOptions
---@field headers? table<string, string|number|string[]> As in rover.ProxyOptions
---@field max_body? integer Bytes; a longer body is not copied. Default, and at most: max_body of the directive

---Passes the request on to the next handler of Caddy. The response can be changed, read, returned, or dropped.
---
---Errors: none of the handler's; res.error says why there is no response.
---
---Waits: until the head of the response is there.
---
---```lua
---function api.w_rest.any(ctx)
---  local res = ctx:next()
---  return res:set_header("X-Status", res.status)
---end
----- GET /page => 200 GET /page  | X-Status: 200
---```
---@return rover.Response
function Ctx:next() end

---Hands the request over to an upstream. The response can be changed, read, returned, or dropped for another try.
---
---Errors: those of api.proxy. When nobody answers it raises nothing: res.error says why.
---
---Waits: until the head of the response is there.
---
---```lua
---function api.w_rest.any(ctx)
---  local res = ctx:proxy("10.0.0.5:80", { timeout = 2 })
---  if res.error then return api:error(503, "try again later") end
---  return res
---end
----- GET /cart => 200 proxy to [10.0.0.5:80]
---```
---@param to string|string[]|nil As api.proxy
---@param options? rover.ProxyOptions
---@return rover.Response
function Ctx:proxy(to, options) end
