---@meta rover.base64

---Base64, with the alphabet of files and that of URLs.
rover.base64 = {}

---Bytes as base64, padded.
---
---```lua
---rover.base64.encode("hello?") --> "aGVsbG8/"
---```
---@param bytes string
---@return string
function rover.base64.encode(bytes) end

---The bytes of a base64 text, padded or not. CR and LF are passed over.
---
---```lua
---rover.base64.decode("aGVsbG8/") --> "hello?"
---(rover.base64.decode("a!")) --> nil
---```
---@param text string
---@return string? bytes nil if it is none
---@return string? message Why there are none
function rover.base64.decode(text) end

---Bytes as base64 for URLs and tokens: - and _ for + and /, no padding.
---
---```lua
---rover.base64.url_encode("hello?") --> "aGVsbG8_"
---```
---@param bytes string
---@return string
function rover.base64.url_encode(bytes) end

---The bytes of a base64 text for URLs, padded or not. CR and LF are passed over.
---
---```lua
---rover.base64.url_decode("aGVsbG8_") --> "hello?"
---```
---@param text string
---@return string? bytes nil if it is none
---@return string? message Why there are none
function rover.base64.url_decode(text) end
