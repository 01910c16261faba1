---@meta rover.lua

---@param ... any
---@return { n: integer, [integer]: any }
function table.pack(...) end

---@param list table
---@param i? integer
---@param j? integer
---@return any ...
function table.unpack(list, i, j) end

---@return boolean
function coroutine.isyieldable() end
