---@meta rover.time

rover.time = {}

---Seconds since 1970-01-01 UTC, with a fraction.
---@return number
function rover.time.now() end

---Seconds since the process started; it never goes back.
---@return number
function rover.time.monotonic() end

---@param seconds number
---@param layout? string "rfc3339" (the default), "http", "unix", "date", or text with %Y %m %d …
---@param zone? string "UTC" (the default), "local", "Europe/Paris"
---@return string
function rover.time.format(seconds, layout, zone) end

---@param text string
---@param layout? string
---@param zone? string
---@return number? seconds
---@return string? why there are none
function rover.time.parse(text, layout, zone) end
