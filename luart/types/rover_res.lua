---@meta rover.res

-- Responses: those that a script makes, and those of others.

---A response: one that a builder has made, that ctx:next or ctx:proxy returned, or that an after hook gets. The last kind
---is valid inside its hook only.
---
---```lua
---function api.after.gone(ctx, res)
---  if res.status == 404 then res.status = 410 end
---end
---function api.x.get() return api:error(404, "no such thing") end
----- GET /x => 410 {"error":"no such thing"}
---```
---@class rover.Response
---@field status integer Can be set, to 200 to 599.
---@field error string? Why nobody answered ctx:proxy or ctx:next.
local Response = {}

---The first value of a header, found in any case; nil if it is not there.
---
---```lua
---function api.get()
---  local res = api.text("hi"):set_header("X-A", 1):add_header("X-A", 2):set_header("X-B", "b")
---  return { res:header("x-a"), res:headers():all("x-a"), res:remove_header("X-B"):header("X-B") == nil }
---end
----- GET / => 200 ["1",["1","2"],true]
---```
---@param name string
---@return string? value
function Response:header(name) end

---All headers.
---
---Example: see `res:header`.
---@return rover.Values
function Response:headers() end

---Replaces a header.
---
---Errors: a name or a value that is none; a header that says how a message is framed, such as Content-Length or Connection.
---
---Example: see `res:header`.
---@param name string
---@param value string|number
---@return rover.Response
function Response:set_header(name, value) end

---Adds a value to a header.
---
---Errors: those of res:set_header.
---
---Example: see `res:header`.
---@param name string
---@param value string|number
---@return rover.Response
function Response:add_header(name, value) end

---Removes a header, also one that Caddy or an earlier handler has set, such as `Server`.
---
---Errors: those of res:set_header.
---
---Example: see `res:header`.
---@param name string
---@return rover.Response
function Response:remove_header(name) end

---Adds a Set-Cookie header: of a table, of a builder of [`rover.cookie`](rover.cookie.md), or the text of one.
---
---Errors: a name or a value that no cookie has; an unknown field; what browsers drop: a relative path, "none" without secure,
---__Host- and __Secure- names without what they need.
---
---```lua
---function api.get()
---  return api.text("in"):set_cookie { name = "sid", value = "s1", path = "/", max_age = 3600, http_only = true, same_site = "lax" }
---end
----- GET / => 200 in | Set-Cookie: sid=s1; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax
---```
---@param cookie rover.Cookie|rover.CookieBuilder|string
---@return rover.Response
function Response:set_cookie(cookie) end

---A cookie.
---@class rover.Cookie
---@field name string
---@field value string|number
---@field path? string Default: "/"; "" sends none, and the cookie belongs to the folder of the request.
---@field domain? string
---@field max_age? integer Whole seconds; 0 deletes it.
---@field expires? number Seconds since 1970, up to the year 9999.
---@field secure? boolean
---@field http_only? boolean
---@field same_site? "lax"|"strict"|"none"

---The body, decoded (gzip, deflate, br, zstd) and filtered. It is empty where there can be none.
---
---Errors: a body that breaks off, that is longer than max_body, or that cannot be decoded; the response was sent or dropped; a
---stream of the script's own.
---
---Waits: until all of it is there.
---
---Where: in a request.
---
---```lua
---function api.w_path.get(ctx)
---  local res = ctx:next()
---  return { res:body():len(), res:body():text() }
---end
----- GET /page => 200 [10,"GET /page "]
---```
---@return rover.ResponseBody
function Response:body() end

---Takes the place of the body, filtered or not. Content-Length follows; Content-Encoding and what else described the old
---bytes goes.
---
---Where: in a request.
---
---```lua
---function api.after.shout(ctx, res) res:set_body(res:body():text():upper()) end
---function api.get() return "hello" end
----- GET / => 200 HELLO
---```
---@param bytes string
---@return rover.Response
function Response:set_body(bytes) end

---Changes the JSON body of the response. What f does not change goes out byte for byte. Null is rover.json.null, numbers that
---Lua cannot hold are as rover.json.number makes them. f is not called where there is no body, or an empty one.
---
---Errors: those of res:body; a body that is no JSON, or is said to be something else, raises a 502, and so does a member that f
---sets where an array stands; those of f. The body
---does not pass then, not even with on_failure pass.
---
---Waits: until all of the body is there; f may wait.
---
---Where: in a request.
---
---```lua
---function api.after.mask(ctx, res)
---  res:edit_json(function(doc) doc.email = "***" end)
---end
---function api.user.get() return { id = 1, email = "ann@example.com" } end
---function api.page.get() return "no JSON" end
----- GET /user => 200 {"id":1,"email":"***"}
----- GET /page => 502 {"error":"response body: Content-Type \"text/plain; charset=utf-8\" is not JSON: application/json, or a type that ends in +json"}
---```
---@param f fun(doc: any): any It changes doc, or returns another value in its place
---@return rover.Response
function Response:edit_json(f) end

---Calls f with each piece of the body as it comes, decoded; what it returns is sent in its place, nil for nothing. last is
---true in one more call at the end, whose chunk is empty. f may wait. Each call has a burst and a timeout of its own. A
---response without a body calls nothing.
---
---Errors: a response that cannot be decoded, or that is a part (206) and cannot be asked for whole; more than 32 filters. When
---f raises, the client gets a 500, or a response that is cut if something has been sent.
---
---Where: in a request.
---
---```lua
---function api.after.count(ctx, res)
---  local bytes = 0
---  res:on_chunk(function(chunk, last)
---    bytes = bytes + #chunk
---    if last then return " (" .. bytes .. " bytes)" end
---    return chunk
---  end)
---end
---function api.get() return "hello" end
----- GET / => 200 hello (5 bytes)
---```
---@param f fun(chunk: string, last: boolean): string?
---@return rover.Response
function Response:on_chunk(f) end

---Replaces all matches in the body as it goes by, however it comes in pieces.
---
---Errors: a plain pattern longer than the window; a group that the expression does not have; those of res:on_chunk.
---
---Where: in a request.
---
---```lua
---local price = rover.re.compile([[EUR (\d+)]])
---function api.after.shop(ctx, res)
---  res:replace("</body>", "<p>bye</p></body>"):replace(price, "$1 euros", { limit = 1 })
---end
---function api.get() return api.html("<body>EUR 5, EUR 6</body>") end
----- GET / => 200 <body>5 euros, EUR 6<p>bye</p></body>
---```
---@param pattern string|rover.Expression A string is taken as it is.
---@param replacement string $1 and ${name} are groups of an expression.
---@param options? { window?: integer, limit?: integer, literal?: boolean } window: bytes that a match may have, default 65,536, at most 1 MiB; limit: how many are replaced, default all; literal: $ stands for itself
---@return rover.Response
function Response:replace(pattern, replacement, options) end

---The body of a response, which res:body returns.
---
---Where: in a request.
---@class rover.ResponseBody
local ResponseBody = {}

---The bytes.
---
---```lua
---function api.after.lengths(ctx, res)
---  local body = res:body()
---  res:set_body(body:len() .. " " .. body:text() .. " " .. body:bytes() .. " " .. body:json().a)
---end
---function api.get() return { a = 1 } end
----- GET / => 200 7 {"a":1} {"a":1} 1
---```
---@return string
function ResponseBody:text() end

---The same as text.
---
---Example: see `body:text`.
---@return string
function ResponseBody:bytes() end

---The same as text. #body, tostring(body) and body .. s are of the text, too; as a JSON value a body is what it says where its
---Content-Type says that it is JSON, else its text.
---
---Example: see `body:text`.
---@return string
function ResponseBody:as_string() end

---The number of bytes.
---
---Example: see `body:text`.
---@return integer
function ResponseBody:len() end

---The body decoded, as by rover.json.decode.
---
---Errors: what is no JSON raises a 502. Where there can be no body it ends an after hook, without an error.
---
---Example: see `body:text`.
---@param options? rover.JsonOptions
---@return any
function ResponseBody:json(options) end

---The same as json.
---
---Example: see `body:text`.
---@param options? rover.JsonOptions
---@return any
function ResponseBody:raw(options) end
