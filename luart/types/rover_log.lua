---@meta rover.log

---Lines in Caddy's log, with the id of the request and the place in the script. A line has up to 64 KiB and 128 fields; what is
---beyond is cut. print logs at info.
rover.log = {}

---Writes a line at debug.
---
---Example: see `rover.log.info`.
---@param message string|number
---@param fields? table<string, any>
function rover.log.debug(message, fields) end

---Writes a line at info.
---
---```lua
---function api.get(ctx)
---  rover.log.debug("asked")
---  rover.log.info("sold", { item = "cup", count = 2 })
---  rover.log.warn("stock is low", { left = 1 })
---  rover.log.error("no stock")
---end
----- GET / => 204 
---```
---@param message string|number
---@param fields? table<string, any>
function rover.log.info(message, fields) end

---Writes a line at warn.
---
---Example: see `rover.log.info`.
---@param message string|number
---@param fields? table<string, any>
function rover.log.warn(message, fields) end

---Writes a line at error.
---
---Example: see `rover.log.info`.
---@param message string|number
---@param fields? table<string, any>
function rover.log.error(message, fields) end
