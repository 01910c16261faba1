---@meta rover.json

---JSON, by the rules of a returned table.
rover.json = {}

---The value as JSON. A table with [1] is an array up to its last index that is not nil, any other table an object. NaN and
---infinities are null, invalid UTF-8 becomes U+FFFD.
---
---Errors: a function or another value that JSON has no place for, with its path; more than 64 levels, a cycle, more than
---16 MiB.
---
---```lua
---rover.json.encode({ 1, "two", rover.json.null }) --> "[1,\"two\",null]"
---rover.json.encode({ list = {} }) --> "{\"list\":{}}"
---rover.json.encode({ f = print }) --> error: cannot encode a function as JSON (at .f)
---```
---@param value any
---@return string
function rover.json.encode(value) end

---The value of a JSON text. A null is nil, and in an array rover.json.null. Integers beyond 2^53 lose their low digits.
---Options keep both. Of members with the same name the last one counts.
---
---```lua
---rover.json.decode('{"a":[1,null],"b":null}') --> { a = { 1, rover.json.null } }
---rover.json.decode('{"b":null}', { null = true }) --> { b = rover.json.null }
---rover.json.decode('[12345678901234567]', { exact = true })[1] == rover.json.number("12345678901234567") --> true
---rover.json.decode('[1') --> nil, "invalid JSON at byte 3: expected ',' or ']', got end of input"
---```
---@param text string
---@param options? rover.JsonOptions
---@return any value nil if it is no JSON, or null
---@return string? message Why there is none; nil for null
function rover.json.decode(text, options) end

---What is kept of a JSON text that Lua has no value for.
---@class rover.JsonOptions
---@field null? boolean Each null is rover.json.null, default false: only those in arrays are, others are not there
---@field exact? boolean Numbers that a Lua number cannot hold are as rover.json.number makes them, default false: they lose digits

---The number that a JSON text spells: a Lua number where that holds it, else a value that is encoded as the text. tostring
---and .. give the text of such a value; ==, < and <= compare it with others of its kind by value. It equals no number and
---no string, and arithmetic raises.
---
---Errors: a text that is no number in JSON.
---
---```lua
---rover.json.number("12") --> 12
---"/users/" .. rover.json.number("12345678901234567890") --> "/users/12345678901234567890"
---rover.json.encode({ id = rover.json.number("12345678901234567890") }) --> "{\"id\":12345678901234567890}"
---rover.json.number("12345678901234567890") + 1 --> error: attempt to compute with 12345678901234567890, which a Lua number cannot hold: tonumber(tostring(n)) is the nearest
---```
---@param text string|number A number is returned as it is
---@return number|rover.ExactNumber
function rover.json.number(text) end

---A number that a Lua number cannot hold, such as 12345678901234567890.
---@class rover.ExactNumber: userdata

---Marks a table, or a new one, as an array: empty it is [] and not {}. The mark is a metatable and stays.
---
---Errors: a table that has a metatable.
---
---```lua
---rover.json.encode(rover.json.array()) --> "[]"
---rover.json.encode({ items = rover.json.array {} }) --> "{\"items\":[]}"
---```
---@param t? table
---@return table
function rover.json.array(t) end

---Encodes as null. It is true in a condition.
---
---```lua
---rover.json.encode({ a = rover.json.null }) --> "{\"a\":null}"
---```
---@type userdata
rover.json.null = nil
