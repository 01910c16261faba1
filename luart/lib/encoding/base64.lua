---@meta rover.base64

rover.base64 = {}

---@param bytes string
---@return string
function rover.base64.encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.base64.decode(text) end

---@param bytes string
---@return string
function rover.base64.url_encode(bytes) end

---@param text string
---@return string? bytes
---@return string? why there are none
function rover.base64.url_decode(text) end
