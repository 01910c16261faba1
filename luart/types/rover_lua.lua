---@meta rover.lua

-- What the language has beyond Lua 5.1. See [the language](../lua.md) for what it has not.

---Packs values into a table, with their number as n.
---
---```lua
---table.pack("a", nil).n --> 2
---```
---@param ... any
---@return { n: integer, [integer]: any }
function table.pack(...) end

---Returns list[i] to list[j].
---
---Errors: more values than a call can return.
---
---```lua
---table.unpack({ "a", "b", "c" }, 2) --> "b", "c"
---```
---@param list table
---@param i? integer Default: 1
---@param j? integer Default: #list
---@return any ...
function table.unpack(list, i, j) end

---Says whether a coroutine of the script runs, which can yield.
---
---```lua
---coroutine.isyieldable() --> false
---coroutine.wrap(coroutine.isyieldable)() --> true
---```
---@return boolean
function coroutine.isyieldable() end

---Writes a value to the log at debug level, for people, and returns it. Tables are shown five levels deep, and what is named like a
---secret (`password`, `token`, `Authorization`, `Cookie`) is `***`. No metamethod is called.
---
---```lua
---debug.print({ name = "ann" }, "user").name --> "ann"
---debug.print(7) + 1 --> 8
---```
---@generic T
---@param value T
---@param label? string stands in front, as `label = `
---@return T
function debug.print(value, label) end
