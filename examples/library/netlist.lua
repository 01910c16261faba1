---@meta rover.netlist

---Lists of networks, from files that the Caddyfile names.
rover.netlist = {}

---The longest prefix in a list that an address is in.
---@param list string
---@param address string
---@return string? prefix nil if it is in none
function rover.netlist.find(list, address) end

---How often find has found something, also before the script was reloaded.
---@param list string
---@return integer
function rover.netlist.hits(list) end

---Reads the file of a list again. Waits: other handlers run meanwhile.
---@param list string
---@return integer? prefixes
---@return string? message
function rover.netlist.refresh(list) end
