---@meta rover.url

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
