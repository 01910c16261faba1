---@meta rover.res

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
