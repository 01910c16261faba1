---@meta rover.json

rover.json = {}

---@param value any
---@return string
function rover.json.encode(value) end

---@param text string
---@return any value
---@return string? why there is none
function rover.json.decode(text) end

---Marks a table, or a new one, as an array: empty it is [] and not {}.
---@param t? table
---@return table
function rover.json.array(t) end

---Encodes as null. It is true in a condition.
---@type userdata
rover.json.null = nil
