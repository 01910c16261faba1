---@meta rover.http

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
