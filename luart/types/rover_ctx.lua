---@meta rover.ctx

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
