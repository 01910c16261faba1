---@meta rover.time

---The time, and times as text.
rover.time = {}

---Seconds since 1970-01-01 UTC, with a fraction.
---
---```lua
---rover.time.now() > 1.7e9 --> true
---```
---@return number
function rover.time.now() end

---Seconds since the process started; it never goes back, whatever is done to the clock.
---
---```lua
---local start = rover.time.monotonic()
---rover.time.monotonic() >= start --> true
---```
---@return number
function rover.time.monotonic() end

---Writes a time as text. Layouts: "rfc3339", "http" (as in a Date header), "unix" (whole seconds), "date" (2006-01-02), or text
---with %Y %m %d %H %M %S %j %a %A %b %B %z %Z %p %I %e %y %s %f %F %T %%.
---
---Errors: another layout or directive, a time outside the years 0 to 9999, an unknown zone.
---
---```lua
---rover.time.format(0) --> "1970-01-01T00:00:00Z"
---rover.time.format(0, "http") --> "Thu, 01 Jan 1970 00:00:00 GMT"
---rover.time.format(86400 * 200, "%d.%m.%Y %H:%M", "Europe/Paris") --> "20.07.1970 01:00"
---```
---@param seconds number Since 1970
---@param layout? string Default: "rfc3339"
---@param zone? string "UTC" (the default), "local", "Europe/Paris"
---@return string
function rover.time.format(seconds, layout, zone) end

---Reads a time. The whole text must match the layout. Names are taken in any case; what is missing is as in 1970-01-01
---00:00:00.
---
---Errors: another layout or directive, an unknown zone.
---
---```lua
---rover.time.parse("1970-01-02T00:00:00Z") --> 86400
---rover.time.parse("02.01.1970", "%d.%m.%Y") --> 86400
---(rover.time.parse("soon")) --> nil
---```
---@param text string
---@param layout? string As rover.time.format. Default: "rfc3339", also with a fraction, "t" and "z"; a leap second is the one after it
---@param zone? string Of text that names none. Default: "UTC"
---@return number? seconds nil if it is none
---@return string? message Why there are none
function rover.time.parse(text, layout, zone) end
