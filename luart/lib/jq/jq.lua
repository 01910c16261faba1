---@meta rover.jq

---Programs of [jq](https://jqlang.org/manual/) on values and on JSON. See [JSON](../json.md#jq).
rover.jq = {}

---Options of a program.
---@class rover.JqOptions
---@field max? string How large the value and the variables may be as JSON

---A program, to be compiled once, while the script loads. Names of variables come after it, without their $: what a client has sent
---belongs into a variable, and never into the text of a program. Options come last: `max` is how large the value and the variables
---may be as JSON, "16KiB" by default, up to "1MiB". Allow more for data that you trust only: builtins take the square of its size.
---
---A program sees its value and its variables. There is no environment, no input, no module. It runs without the VM, for two seconds
---at most.
---
---Errors: a program that is none, or of more than 64 KiB; a function with the name of a builtin that can make much; names that begin
---with `_`.
---
---```lua
---local by_tag = rover.jq.compile("[.items[] | select(.tags | index($tag)) | {id}]", "tag")
---function api.items.post(ctx) return by_tag:first(ctx:body():json(), ctx:query().tag) end
----- POST /items?tag=new {"items":[{"id":1,"tags":["new"]},{"id":2,"tags":[]}]} => 200 [{"id":1}]
---```
---@param program string
---@param ... string|rover.JqOptions Names of variables, and options
---@return rover.JqProgram
function rover.jq.compile(program, ...) end

---A program of jq.
---@class rover.JqProgram
local Program = {}

---The first result. Nothing of it is lost: null is `rover.json.null`, and large numbers are exact.
---
---Errors: those of the program; a value that cannot be JSON; another number of values than there are variables; data beyond `max`
---(413); a run of more than two seconds, or too many at once (503).
---
---Example: see `rover.jq.compile`.
---@param value any
---@param ... any Values of the variables
---@return any result nil where the program gives none
function Program:first(value, ...) end

---All results, up to 100,000.
---
---Errors: those of `first`; more results.
---
---```lua
---local names = rover.jq.compile ".[].name"
---function api.names.get() return names:all { { name = "a" }, { name = "b" } } end
----- GET /names => 200 ["a","b"]
---```
---@param value any
---@param ... any Values of the variables
---@return any[]
function Program:all(value, ...) end

---The first result for JSON, as JSON. Numbers that the program does not change keep all their digits. Keys are sorted.
---
---Errors: text that is no JSON, has a name twice in an object, or a number of more than 1,000 digits (400); those of `first`.
---
---```lua
---local public = rover.jq.compile "del(.password)"
---function api.user.post(ctx) return api.raw(public:text(ctx:body():text()), "application/json") end
----- POST /user {"id":12345678901234567890,"password":"x"} => 200 {"id":12345678901234567890}
---```
---@param json string
---@param ... any Values of the variables
---@return string? json nil where the program gives none
function Program:text(json, ...) end
