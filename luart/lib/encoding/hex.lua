---@meta rover.hex

rover.hex = {}

---@param bytes string
---@return string
function rover.hex.encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.hex.decode(text) end
