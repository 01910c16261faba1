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
---
---```lua
---rover.json.decode('{"a":[1,null],"b":null}') --> { a = { 1, rover.json.null } }
---rover.json.decode('[1') --> nil, "invalid JSON at byte 3: expected ',' or ']', got end of input"
---```
---@param text string
---@return any value nil if it is no JSON, or null
---@return string? message Why there is none; nil for null
function rover.json.decode(text) end

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
