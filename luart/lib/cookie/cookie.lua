---@meta rover.cookie

-- Cookies as text. ctx:cookie reads those of a request, res:set_cookie sends one.

---@class rover.cookielib
rover.cookie = {}

---The cookies of a header Cookie: the values by name, of several with one name the last. Nothing is decoded.
---
---Errors: more than 10,000 cookies, with status 400.
---
---```lua
---local all = rover.cookie.parse("theme=dark; lang=de")
---all.theme --> "dark"
---```
---@param header string
---@return table<string, string>
function rover.cookie.parse(header) end

---The parts of a header Set-Cookie: name, value, and its attributes by their names in lower case, as text. An attribute without a value
---is "true". nil where it is no cookie.
---
---```lua
---local c = rover.cookie.parse_set_cookie("id=7; Path=/a; Max-Age=60; Secure")
---c.name, c.value --> "id", "7"
---c["max-age"] --> "60"
---c.secure --> "true"
---```
---@param text string
---@return table<string, string>?
function rover.cookie.parse_set_cookie(text) end

---A builder of a cookie, with the path /. Each of its methods returns another builder. `res:set_cookie` takes one, too.
---
---Errors: a name or a value that is none in a cookie: control characters, `;`, `,`, `"`, `\`.
---
---```lua
---local c = rover.cookie.set("lang", "de"):max_age(3600):http_only():same_site("lax")
---c:build() --> "lang=de; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"
---```
---@param name string
---@param value string
---@return rover.CookieBuilder
function rover.cookie.set(name, value) end

---The text of a Set-Cookie that deletes a cookie. Path and domain must be those it was set with. One whose name begins with __ is
---deleted with `Secure`, as browsers want it.
---
---Errors: a name that is none.
---
---```lua
---rover.cookie.delete("lang") --> "lang=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
---```
---@param name string
---@param options? { path?: string, domain?: string, secure?: boolean } path: default /
---@return string
function rover.cookie.delete(name, options) end

---A cookie that is being built.
---@class rover.CookieBuilder
local CookieBuilder = {}

---Sets Path.
---
---Errors: a path that does not begin with /.
---
---Example: see `rover.cookie.set`.
---@param path string "": none, browsers take the folder of the request
---@return rover.CookieBuilder
function CookieBuilder:path(path) end

---Sets Domain: the cookie is sent to all hosts below it, too.
---
---Errors: what is no domain.
---
---Example: see `rover.cookie.set`.
---@param domain string
---@return rover.CookieBuilder
function CookieBuilder:domain(domain) end

---Sets Max-Age.
---
---Errors: what is no whole number.
---
---Example: see `rover.cookie.set`.
---@param seconds integer 0 and less: browsers delete it
---@return rover.CookieBuilder
function CookieBuilder:max_age(seconds) end

---Sets Expires. Browsers go by Max-Age where that is there, too.
---
---Errors: what is no date of HTTP.
---
---Example: see `rover.cookie.set`.
---@param date string "Thu, 01 Jan 2026 00:00:00 GMT"
---@return rover.CookieBuilder
function CookieBuilder:expires(date) end

---Sets Secure: browsers send it over HTTPS only.
---
---Example: see `rover.cookie.set`.
---@param on? boolean Default: true
---@return rover.CookieBuilder
function CookieBuilder:secure(on) end

---Sets HttpOnly: scripts of the page do not see it.
---
---Example: see `rover.cookie.set`.
---@param on? boolean Default: true
---@return rover.CookieBuilder
function CookieBuilder:http_only(on) end

---Sets SameSite. "none" needs secure.
---
---Errors: anything else.
---
---Example: see `rover.cookie.set`.
---@param mode "lax"|"strict"|"none"
---@return rover.CookieBuilder
function CookieBuilder:same_site(mode) end

---The text of the Set-Cookie.
---
---Errors: a cookie that browsers would drop without a word: SameSite=None, __Secure- or __Host- without what it needs.
---
---Example: see `rover.cookie.set`.
---@return string
function CookieBuilder:build() end
