---@meta rover.log

rover.log = {}

---@param message string|number
---@param fields? table<string, any>
function rover.log.debug(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.info(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.warn(message, fields) end

---@param message string|number
---@param fields? table<string, any>
function rover.log.error(message, fields) end
