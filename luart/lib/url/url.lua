---@meta rover.url

---URLs, their paths and queries.
rover.url = {}

---The parts of a URL.
---@class rover.Url
---@field scheme? string
---@field host? string With the port
---@field hostname? string
---@field port? integer
---@field path? string Decoded
---@field raw_path? string Escaped
---@field query? table<string, any> First values
---@field raw_query? string
---@field fragment? string
---@field user? string
---@field password? string
---@field opaque? string "a@b" of mailto:a@b

---Escapes one component of a URL: all but letters, digits and "-_.~". A space is %20.
---
---```lua
---rover.url.encode("a b/c") --> "a%20b%2Fc"
---```
---@param s string
---@return string
function rover.url.encode(s) end

---Joins a path and parts of one, as text that is not escaped, and escapes their segments; slashes in them stay.
---
---Errors: a base that does not begin with "/". A dot segment or NUL raises a 400.
---
---```lua
---rover.url.path("/public", "a b/c?d") --> "/public/a%20b/c%3Fd"
---rover.url.path("/public", "../etc/passwd") --> error: 400 rover.url.path: it has the segment "..", decoded, and would lead elsewhere
---```
---@param base string Begins with "/"
---@param ... string|number
---@return string
function rover.url.path(base, ...) end

---Undoes encode. "+" stays "+".
---
---```lua
---rover.url.decode("a%20b+c") --> "a b+c"
---rover.url.decode("%zz") --> nil, "invalid URL escape \"%zz\""
---```
---@param s string
---@return string? text nil if there is a bad escape
---@return string? message Why there is none
function rover.url.decode(s) end

---The parts of a URL. What is missing is nil, but path, raw_path and query.
---
---```lua
---local u = rover.url.parse("https://example.com:8443/a%20b?q=1&q=2#top")
---u.host --> "example.com:8443"
---u.port --> 8443
---u.path --> "/a b"
---u.query.q --> "1"
---u.fragment --> "top"
---```
---@param s string
---@return rover.Url? url nil if it is none
---@return string? message Why there is none
function rover.url.parse(s) end

---The URL of parts. raw_path and raw_query are used only while they say the same as path and query, or where those are not
---there.
---
---Errors: a field of a wrong type; a value of query that is none.
---
---```lua
---rover.url.build { scheme = "https", host = "example.com", path = "/a b", query = { q = "x y" } } --> "https://example.com/a%20b?q=x+y"
---```
---@param url rover.Url
---@return string? text nil if the parts contradict each other, or no URL has them: a port beyond 65535, "#" in raw_query
---@return string? message Why there is none
function rover.url.build(url) end

---A query, form-encoded (a space is "+"), with its names sorted.
---
---Errors: a value of another type.
---
---```lua
---rover.url.query_encode({ q = "a b", tag = { "x", "y" }, page = 2 }) --> "page=2&q=a+b&tag=x&tag=y"
---```
---@param values table<string, string|number|boolean|(string|number|boolean)[]> A list repeats the name.
---@return string
function rover.url.query_encode(values) end

---The first value of each name of a query. "a" alone gives "". A bad escape anywhere in the query is a failure.
---
---```lua
---rover.url.query_decode("q=a+b&q=2&empty") --> { empty = "", q = "a b" }
---```
---@param query string
---@return table<string, string>? values nil if there is a bad escape
---@return string? message Why there are none
function rover.url.query_decode(query) end
