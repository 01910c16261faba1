---@meta rover.hex

---Hexadecimal digits.
rover.hex = {}

---Two lower-case digits for each byte.
---
---```lua
---rover.hex.encode("\1\255") --> "01ff"
---```
---@param bytes string
---@return string
function rover.hex.encode(bytes) end

---The bytes of digits of either case, with nothing between them.
---
---```lua
---rover.hex.decode("6869") --> "hi"
---(rover.hex.decode("xy")) --> nil
---```
---@param text string
---@return string? bytes nil if it is none
---@return string? message Why there are none
function rover.hex.decode(text) end
